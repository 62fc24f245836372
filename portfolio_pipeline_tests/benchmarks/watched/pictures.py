"""Pictures of the web UI, taken by a real browser whose clock is moved as the house's is."""

from __future__ import annotations

import base64
import time
from datetime import UTC, datetime
from pathlib import Path

from portfolio_pipeline_tests.benchmarks.watched.house import WatchedHouse
from portfolio_pipeline_tests.web_ui.browser import Browser, Page

_WIDTH, _HEIGHT, _HIGHEST = 1700, 1100, 6000
_MOVED = """(() => {{ const Real = Date, by = {by}; class Moved extends Real {{
    constructor(...given) {{ given.length ? super(...given) : super(Real.now() + by); }}
    static now() {{ return Real.now() + by; }} }} window.Date = Moved; }})()"""
# How much more the longest of the page's scrolling parts has than it shows.
_HIDDEN = """Math.max(0, ...[...document.querySelectorAll('*')].filter(one => one.clientHeight > 200
    && one.scrollHeight > one.clientHeight + 2 && getComputedStyle(one).overflowY !== 'visible')
    .map(one => one.scrollHeight - one.clientHeight))"""


class Pictures:
    """Into a folder; without one none are taken."""

    def __init__(self, house: WatchedHouse, folder: Path | None, browser: Browser | None) -> None:
        self._house, self._folder, self._browser = house, folder, browser
        self._number = 0

    @property
    def wanted(self) -> bool:
        return self._folder is not None

    def take(self, name: str, *paths: str, settle: float = 7) -> None:
        if self._folder is None or self._browser is None:
            return
        address = f"http://127.0.0.1:{self._house.port}"
        with self._browser.page("about:blank") as page:
            by = (self._house.moved.now() - datetime.now(UTC)).total_seconds() * 1000
            page.do("Page.addScriptToEvaluateOnNewDocument", source=_MOVED.format(by=by))
            page.do("Emulation.setTimezoneOverride", timezoneId="America/New_York")
            for path in paths:
                _size(page, _HEIGHT)
                page.open(address + path)
                time.sleep(settle)
                _size(page, min(_HIGHEST, _HEIGHT + int(page.evaluate(_HIDDEN))))
                time.sleep(1)
                shot = page.do("Page.captureScreenshot", format="png")["data"]
                self._number += 1
                place = path.strip("/").replace("/", "-").replace("?", "-").replace("=", "-")[:60]
                (self._folder / f"{self._number:03}_{name}_{place}.png").write_bytes(base64.b64decode(shot))


def _size(page: Page, height: int) -> None:
    size = {"width": _WIDTH, "height": height, "deviceScaleFactor": 1, "mobile": False}
    page.do("Emulation.setDeviceMetricsOverride", **size)
