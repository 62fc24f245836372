"""What happens on each of the sessions: the market, what goes wrong with it, and what people do meanwhile.

Time goes its own way while anything is at work, and leaps where nothing is to happen. After each session the tables
have to be the server's ledger, and each order has to have been posted once.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from typing import Any

from portfolio_pipeline.core.calendar.sessions import NEW_YORK, SessionRange, is_session
from portfolio_pipeline.core.tables.declare import ACCOUNT_BOOK, RESERVE, UNCLAIMED
from portfolio_pipeline.dagster_home.run_tags import LAST_OF_RANGE, ONE_SESSION
from portfolio_pipeline_tests.benchmarks.watched.house import WatchedHouse
from portfolio_pipeline_tests.benchmarks.watched.pictures import Pictures
from portfolio_pipeline_tests.cli.paper_house import tables_are_the_ledger
from portfolio_pipeline_tests.fakes.alpaca.faults import Fault

AWAY = [Fault("dropped before", method, "/", times=10**9) for method in ("GET", "POST", "DELETE")]
HANDS_SYMBOL, HANDS_SHARES = "SLV", 7
STRANGERS, STRANGERS_SHARES = "XLU", 5
MID_RUN = (date(2025, 11, 5), date(2025, 11, 28))


@dataclass
class Watched:
    """What was seen, in figures."""

    seconds_of_runs: dict[str, float] = field(default_factory=dict)
    seconds_until_they_began: dict[str, float] = field(default_factory=dict)
    seconds_until_booked: dict[str, float] = field(default_factory=dict)
    executions: int = 0
    ticks: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By the id of the tick: whose, how it ended, and what it said."""
    red: dict[str, dict[str, str]] = field(default_factory=dict)
    """By session, the checks that did not pass."""

    def spoken(self) -> list[tuple[str, int]]:
        """What the ticks said, and how often, without figures that change each time."""
        return Counter(f"{one['name']}: {one['status']} {one['said']}" for one in self.ticks.values()).most_common()


class Days:
    def __init__(self, house: WatchedHouse, pictures: Pictures, first: date, seed: int) -> None:
        self.house, self.pictures, self.session = house, pictures, first
        self.ledger, self.clock = house.broker.ledger, house.moved
        self.draw, self.watched = random.Random(seed), Watched()

    # Time

    def it_is(self, day: date, hour: int, minute: int = 0, second: int = 0) -> None:
        moment = datetime.combine(day, clock_time(hour, minute, second), NEW_YORK).astimezone(UTC)
        assert moment >= self.clock.now(), f"{moment} is over"
        self.clock.set(moment)

    def a_look_around(self, seconds: float = 5.5) -> None:
        """Time for every sensor to look once: the daemon asks every five seconds who is due."""
        time.sleep(seconds)
        self.note_ticks()

    def note_ticks(self) -> None:
        for name, tick in self.house.ticks((self.clock.now() - timedelta(hours=20)).timestamp()):
            if tick["status"] == "STARTED":
                continue
            said = tick["skipReason"] or (tick["error"] or {}).get("message") or ", ".join(tick["runIds"])
            when = datetime.fromtimestamp(tick["timestamp"], NEW_YORK)
            told = {"name": name, "at": f"{when:%a %m-%d %H:%M:%S}", "status": tick["status"], "said": said}
            self.watched.ticks[tick["tickId"]] = told

    # A session

    def live(self, session: date, what: str) -> None:
        """From the morning of `session` until the evening's run is over, with what is to happen on it."""
        self.say(f"--- {session:%A %Y-%m-%d} {what}")
        self.until_morning(session)
        self.open(session, what)
        getattr(self, f"noon_{what}", lambda: None)()
        self.close(session)
        self.evening(session, what)

    def until_morning(self, session: date) -> None:
        """Evening, night, and days without a session."""
        day = self.session + timedelta(days=1)
        while day < session:
            assert not is_session(day)
            self.it_is(day, 16, 59, 56)  # the schedule has something to say on a holiday
            self.a_look_around()
            day += timedelta(days=1)
        self.it_is(session, 8, 1)
        self.a_look_around()

    def open(self, session: date, what: str) -> None:
        quotes = self.house.quotes[session]
        self.it_is(session, 9, 29, 50)
        queued = [order for order in self.ledger.orders.values() if order.open]
        drawn = self.draw.sample(queued, min(len(queued), 3)) if queued else []
        late = {order.symbol: self.draw.choice([0.4, 0.0]) for order in drawn[:2]}
        rejected = frozenset({drawn[2].symbol} if what == "rejects" and len(drawn) > 2 else ())
        with self.house.broker.lock:
            self.ledger.open_session(
                session, quotes, filled_share=late, rejected=rejected, pieces=self.draw.choice([1, 3])
            )
            for symbol, quote in quotes.items():
                self.house.data.vendor.quote(symbol, float(quote.open) - 0.01, float(quote.open) + 0.01)
        self.until_booked(session, f"{session} open")
        if not any(order.open for order in self.ledger.orders.values()):
            return
        if what != "late_at_once":  # there the next look has yet to become due
            self.it_is(session, 11)
        with self.house.broker.lock:
            for order in list(self.ledger.orders.values()):
                if order.open and self.draw.random() < 0.7:  # the rest expires
                    self.ledger.execute(order, order.left, quotes[order.symbol].open)
        self.until_booked(session, f"{session} late")

    def until_booked(self, session: date, name: str) -> None:
        """Until every execution of the session is a row; the clock goes as always meanwhile."""
        told = self._told(session)
        self.watched.executions = sum(one.kind == "FILL" for one in self.ledger.activities)
        if not told:
            return
        single = SessionRange.single(session)
        took = self.house.wait_until(
            lambda: set(self.house.warehouse.read("fills", single).to_pandas()["fill_id"]) >= told,
            *(200, f"{name}: executions were never booked"),
        )
        self.watched.seconds_until_booked[name] = round(took, 1)
        self.say(f"{name}: {len(told)} executions are booked after {took:.0f} s")

    def close(self, session: date) -> None:
        with self.house.broker.lock:
            self.ledger.close_session(session, self.house.quotes[session], after=timedelta(minutes=5))
        self.a_look_around()
        self.session = session

    def evening(self, session: date, what: str) -> None:
        self.it_is(session, 16, 59, 55)
        getattr(self, f"tick_{what}", self.by_itself)()
        getattr(self, f"night_{what}", lambda: None)()
        self.note_ticks()
        if what != "away_all_night":  # what is missing comes with the next evening
            self.judge(session)

    # The evening's run

    def by_itself(self) -> dict[str, Any]:
        """The schedule starts it; nobody does anything."""
        run = self.newest_run(of=1)
        if self.pictures.wanted and self.session in MID_RUN:
            self.pictures.take(f"{self.session}_at_work", "/asset-groups", f"/runs/{run['runId']}", settle=3)
        ended = self.house.over(run["runId"])
        asked = datetime.combine(self.session, clock_time(17), NEW_YORK).timestamp()
        self.watched.seconds_until_they_began[f"{self.session}"] = round(ended["startTime"] - asked, 1)
        self.watched.seconds_of_runs[f"{self.session}"] = round(ended["endTime"] - ended["startTime"], 1)
        self.say(f"run {ended['status']} in {ended['endTime'] - ended['startTime']:.1f} s")
        return ended

    def newest_run(self, of: int, seconds: float = 400) -> dict[str, Any]:
        """The newest run of `daily` for the session, as soon as there are so many."""
        found: list[dict[str, Any]] = []

        def there() -> bool:
            found[:] = self.runs_of_the_day()
            return len(found) >= of

        self.house.wait_until(there, seconds, f"{self.session}: never {of} runs of the day")
        return found[0]

    def runs_of_the_day(self) -> list[dict[str, Any]]:
        """Of `daily`, for the session alone or for a range that ends with it; the newest first."""
        end = {"key": LAST_OF_RANGE, "value": f"{self.session}"}, {"key": ONE_SESSION, "value": f"{self.session}"}
        runs = [one for one in self.house.runs() if one["jobName"] == "daily"]
        return [one for one in runs if any(tag in one["tags"] for tag in end)]

    def judge(self, session: date) -> None:
        tables_are_the_ledger(self.house.warehouse, self.ledger, session)
        asked = [one for one in self.house.broker.requests if one.method == "POST" and one.client_order_id]
        posts = Counter(one.client_order_id for one in asked if one.status != 429)  # too many: it was not looked at
        assert set(posts.values()) <= {1}, {name: count for name, count in posts.items() if count > 1}
        red = self.house.failed_checks()
        if red:
            self.watched.red[f"{session}"] = red
        for name, why in red.items():
            self.say(f"red: {name}: {why[:300]}")
        alerts = [f"{one.get('title')}" for one in self.house.hook.taken]
        self.say(f"{len(posts)} orders so far, cash {self.ledger.cash}, alerts {len(alerts)}: {alerts[-3:]}")

    # What happens on some of them

    def noon_killed(self) -> None:
        """The process that somebody had started is killed; a supervisor starts it again."""
        self.house.kill()
        self.say(f"killed, and up again in {self.house.up():.0f} s")

    def tick_killed_while_sending(self) -> None:
        before, sent = sum(self.house.broker.posts().values()), threading.Event()
        self.house.broker.after_each = lambda asked: sent.set() if asked.method == "POST" else None
        sent.wait(120)  # on a day without orders it is killed all the same
        self.house.kill()
        self.house.broker.after_each = lambda asked: None
        self.say(f"killed after {sum(self.house.broker.posts().values()) - before} posts")
        self.say(f"up again in {self.house.up():.0f} s")
        self.a_look_around(40)

    def tick_broker_away(self) -> None:
        self.house.broker.faults += AWAY
        ended = self.by_itself()
        assert ended["status"] == "FAILURE", ended
        self.a_look_around()
        self.pictures.take(f"{self.session}_broker_away", f"/runs/{ended['runId']}", "/overview/activity/timeline")
        self.it_is(self.session, 17, 30)
        self.a_look_around(30)
        self.it_is(self.session, 18)
        self.house.broker.faults.clear()
        again = self.newest_run(of=2)
        while self.house.over(str(again["runId"]))["status"] != "SUCCESS":
            again = self.newest_run(of=len(self.runs_of_the_day()) + 1)

    def tick_away_all_night(self) -> None:
        """Nobody answers before the market opens: the session is computed with the next one, and sends nothing."""
        self.house.broker.faults += AWAY
        assert self.by_itself()["status"] == "FAILURE"
        self.it_is(self.session, 18)
        assert self.house.over(self.newest_run(of=2)["runId"])["status"] == "FAILURE"

    def noon_back_again(self) -> None:
        self.house.broker.faults.clear()

    def tick_unauthorized(self) -> None:
        """The broker refuses the keys once: nobody goes on by himself, a person looks and starts it again."""
        self.house.broker.faults += [Fault("unauthorized", "GET", "/v2/positions", times=1)]
        ended = self.by_itself()
        assert ended["status"] == "FAILURE", ended
        self.it_is(self.session, 18)
        self.a_look_around()
        run = self.house.launch("daily", partition=f"{self.session}")
        assert self.house.over(run)["status"] == "SUCCESS"

    def night_by_hand(self) -> None:
        """A person orders something for the next open, in the launchpad."""
        self.it_is(self.session, 19, 5)
        config = {"action": "buy", "strategy": self._with_most_cash(), "symbol": HANDS_SYMBOL, "quantity": HANDS_SHARES}
        said = {"order": {"config": {**config, "why": "I want silver", "who": "the owner"}}}
        run = self.house.launch("order_by_hand", {"ops": said})
        ended = self.house.over(run)
        assert ended["status"] == "SUCCESS", ended
        self.house.wait_until(
            lambda: any(one["jobName"] == "plan_and_send" and one["status"] == "SUCCESS" for one in self.house.runs()),
            *(180, "what was said by hand was never sent"),
        )
        ordered = [one for one in self.ledger.orders.values() if one.symbol == HANDS_SYMBOL and one.open]
        self.say(f"by hand: {[(one.symbol, one.side, str(one.quantity)) for one in ordered]}")
        assert ordered

    def _with_most_cash(self) -> str:
        """Which of the strategies has capital is theirs to earn."""
        rows = self.house.warehouse.read("account", SessionRange.single(self.session)).to_pylist()
        books = [row for row in rows if row["book"] not in (ACCOUNT_BOOK, RESERVE, UNCLAIMED)]
        return str(max(books, key=lambda row: row["cash"])["book"])

    def noon_foreign(self) -> None:
        """Somebody trades in the broker's own window."""
        with self.house.broker.lock:
            self.ledger.foreign(STRANGERS, STRANGERS_SHARES, float(self.ledger.prices[STRANGERS]))

    def night_foreign(self) -> None:
        sent = [one for one in self.ledger.orders.values() if one.open]
        assert not sent, sent
        self.pictures.take(f"{self.session}_blocked", "/assets/submissions?view=checks", "/assets/fills?view=checks")
        self.it_is(self.session, 18)
        said = ("reconcile", "accept", STRANGERS, "--reason", "I bought it myself")
        code, told = self.house.does(*said)
        assert code == 0, told
        self.say(told.strip())
        run = self.house.launch("daily", partition=f"{self.session}")
        assert self.house.over(run)["status"] == "SUCCESS"

    def noon_halted(self) -> None:
        run = self.house.launch("halt_trading", {"ops": {"halt": {"config": {"reason": "a strange morning"}}}})
        assert self.house.over(run)["status"] == "SUCCESS"

    def night_halted(self) -> None:
        assert not [one for one in self.ledger.orders.values() if one.open]
        self.pictures.take(f"{self.session}_halted", "/assets/submissions?view=checks", "/runs")
        self.it_is(self.session, 18)
        run = self.house.launch("resume_trading", {"ops": {"resume": {"config": {"reason": "it was nothing"}}}})
        assert self.house.over(run)["status"] == "SUCCESS"

    def tick_limited(self) -> dict[str, Any]:
        """Too many requests, and a slow broker."""
        self.house.broker.faults += [
            Fault("rate limit", "POST", "/v2/orders", times=1, skip=1, seconds=6),
            Fault("latency", "GET", "/v2/account", times=2, seconds=3),
            Fault("504 after", "POST", "/v2/orders", times=1, skip=2),
        ]
        return self.by_itself()

    # Small things

    def _told(self, session: date) -> set[str]:
        start = self._at(session, 9)
        return {one.id for one in self.ledger.activities if one.kind == "FILL" and one.at >= start}

    @staticmethod
    def _at(day: date, hour: int) -> datetime:
        return datetime.combine(day, clock_time(hour), NEW_YORK).astimezone(UTC)

    def say(self, text: str) -> None:
        now = self.clock.now().astimezone(NEW_YORK)
        print(f"{now:%m-%d %H:%M:%S} {text}", flush=True)
