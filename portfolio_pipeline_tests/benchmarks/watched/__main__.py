"""Twenty sessions of PAPER under the daemon: `python -m portfolio_pipeline_tests.benchmarks.watched`.

A new home, environment variables alone, `portfolio up` all the time: its web UI, daemon, schedule and sensors do
everything, over a weekend of the clocks' change, Thanksgiving and an early close, with partial, late and rejected
orders, two kills, a broker that is away, a trade of somebody else, an order by hand, a halt. Then
secrets are looked for. Needs Linux, a C compiler, and Chromium for the pictures of the web UI.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict
from datetime import date
from pathlib import Path

from portfolio_pipeline.core.calendar.sessions import next_session, sessions_between
from portfolio_pipeline_tests.benchmarks.watched.days import Days
from portfolio_pipeline_tests.benchmarks.watched.house import watched_house
from portfolio_pipeline_tests.benchmarks.watched.pictures import Pictures
from portfolio_pipeline_tests.benchmarks.watched.searched import found_anywhere, processes_seen
from portfolio_pipeline_tests.web_ui.browser import started_browser

FIRST, LAST = date(2025, 10, 31), date(2025, 12, 1)
WHAT = {
    date(2025, 11, 3): "late_at_once",
    date(2025, 11, 4): "rejects",
    date(2025, 11, 5): "late_at_once",
    date(2025, 11, 6): "killed",
    date(2025, 11, 10): "broker_away",
    date(2025, 11, 11): "by_hand",
    date(2025, 11, 13): "killed_while_sending",
    date(2025, 11, 14): "foreign",
    date(2025, 11, 17): "halted",
    date(2025, 11, 18): "away_all_night",
    date(2025, 11, 19): "back_again",
    date(2025, 11, 20): "limited",
    date(2025, 11, 21): "unauthorized",
    date(2025, 11, 24): "rejects",
}
"""What is special about a session; on the others orders are only partly or late executed."""

RUNS, AUTOMATION = "/runs", "/automation"
ASSETS = tuple(f"/assets/{name}" for name in ("submissions", "fills", "positions", "metrics"))
PAGES = {
    FIRST: (RUNS, AUTOMATION, *ASSETS),
    date(2025, 11, 5): (RUNS, AUTOMATION, *(f"{one}?view=checks" for one in ASSETS)),
    date(2025, 11, 10): (RUNS, "/overview/activity/timeline", "/asset-groups"),
    date(2025, 11, 14): (RUNS, *(f"{one}?view=checks" for one in ASSETS)),
    date(2025, 11, 28): (RUNS, AUTOMATION, "/overview/activity/timeline", *ASSETS),
    LAST: (RUNS, AUTOMATION, "/asset-groups", *ASSETS, *(f"{one}?view=checks" for one in ASSETS)),
}


def main() -> None:
    given = _given()
    shown, last = given.pictures, given.last
    with ExitStack() as stack:
        folder = given.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="watched-")))
        folder.mkdir(parents=True, exist_ok=True)
        house = stack.enter_context(watched_house(folder, FIRST, LAST))
        browser = None
        if shown is not None:
            shown.mkdir(parents=True, exist_ok=True)
            browser = stack.enter_context(started_browser(folder / "browser"))
        processes = stack.enter_context(processes_seen())
        if given.settings is not None:
            house.environment["PORTFOLIO_CONFIG"] = str(given.settings.absolute())
        days = Days(house, Pictures(house, shown, browser), FIRST, seed=1)
        began = time.monotonic()
        days.say(f"home {house.home}, port {house.port}")
        days.say(f"up in {house.up(*given.up):.0f} s")
        days.a_look_around()
        days.judge(FIRST)
        days.pictures.take(f"{FIRST}", *PAGES[FIRST])
        for session in sessions_between(next_session(FIRST), last):
            days.live(session, WHAT.get(session, "plain"))
            days.pictures.take(f"{session}", *PAGES.get(session, ()))
            if shown is not None:
                (shown / "watched.json").write_text(json.dumps(asdict(days.watched), indent=1, default=str))
        posts = house.broker.posts()
        days.say(f"{len(posts)} orders, each posted once, {days.watched.executions} executions")
        days.say(f"{time.monotonic() - began:.0f} s for all of it")
        found, places, size = found_anywhere(house, processes)
        days.say(f"secrets stand in {found or 'none'} of {places} places, {size / 1e6:,.0f} MB")
        for said, count in days.watched.spoken():
            print(f"{count:5} {said[:200]}")


def _given() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="watched", allow_abbrev=False)
    parser.add_argument("--pictures", type=Path, help="a folder for pictures of the web UI")
    parser.add_argument("--folder", type=Path, help="where the home is made, and stays")
    parser.add_argument("--last", type=date.fromisoformat, default=LAST, help="the last of the sessions")
    parser.add_argument("--settings", type=Path, help="PORTFOLIO_CONFIG; the shipped ones without it")
    parser.add_argument("up", nargs="*", help="after --, what is given to `portfolio up` beside the port")
    return parser.parse_args()


if __name__ == "__main__":
    main()
