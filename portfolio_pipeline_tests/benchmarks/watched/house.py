"""`portfolio up` with its daemon under a moved clock, two servers in the world outside, and questions to the web UI."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd

from portfolio_pipeline.adapters.environment import SHIPPED_SETTINGS
from portfolio_pipeline.adapters.market_data.simulated import SimulatedMarketData
from portfolio_pipeline.adapters.warehouse import open_warehouse
from portfolio_pipeline.core.calendar.sessions import SessionRange, next_session, previous_session
from portfolio_pipeline.core.settings import load_settings
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline_tests.benchmarks.watched.moved_time import MovedTime
from portfolio_pipeline_tests.fakes.alpaca.data_server import AlpacaDataServer
from portfolio_pipeline_tests.fakes.alpaca.ledger import Quote
from portfolio_pipeline_tests.fakes.alpaca.market_hours import evening
from portfolio_pipeline_tests.fakes.alpaca.server import AlpacaServer
from portfolio_pipeline_tests.fakes.web_hook import WebHook, web_hook
from portfolio_pipeline_tests.web_ui.served import ROOT, free_port, portfolio

_HISTORY = 3_200  # sessions that the data server knows: five years and any warm-up
_OURS = ("ALPACA_", "PORTFOLIO_", "ALERT", "DATABASE_URL", "MARKET_DATA", "TRADING_MODE", "DAGSTER_HOME")
_JOB = {"repositoryLocationName": "portfolio", "repositoryName": "__repository__"}
PASSWORD = "th3-ph0nes-p4ssw0rd-0f-al3rts"
RUNS = """query($tags: [ExecutionTag!]) { runsOrError(filter: {tags: $tags}, limit: 400) { ... on Runs { results {
    runId jobName status creationTime startTime endTime tags { key value } } } } }"""
LAUNCH = """mutation($asked: ExecutionParams!) { launchRun(executionParams: $asked) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
TICKS = """query($asked: RepositorySelector!, $since: Float) {
    schedulesOrError(repositorySelector: $asked) { ... on Schedules { results { name
        scheduleState { ticks(afterTimestamp: $since) { ...told } } } } }
    sensorsOrError(repositorySelector: $asked) { ... on Sensors { results { name
        sensorState { ticks(afterTimestamp: $since) { ...told } } } } } }
    fragment told on InstigationTick { tickId timestamp endTimestamp status skipReason runIds error { message } }"""
CHECKS = """{ assetNodes { assetKey { path } assetChecksOrError { ... on AssetChecks { checks { name
    executionForLatestMaterialization { status runId evaluation { severity description } } } } } } }"""


class WatchedHouse:
    """One home, what it was told by the environment, and who serves it. `session` is the newest that has closed."""

    def __init__(self, home: Path, broker: AlpacaServer, data: AlpacaDataServer, hook: WebHook, moved: MovedTime):
        self.home, self.broker, self.data, self.hook, self.moved = home, broker, data, hook, moved
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(_OURS)},
            **{"PYTHONPATH": str(ROOT), "COLUMNS": "200"},
            **moved.environment,
            **{"DAGSTER_HOME": str(home), "TRADING_MODE": "PAPER", "MARKET_DATA": "alpaca"},
            **broker.environment,
            **data.environment,
            "ALERT_URL_PHONE": hook.url.replace("://", f"://owner:{PASSWORD}@"),
        }
        self.secrets = [broker.key, broker.secret, f"{broker.key}:{broker.secret}", PASSWORD]
        self.port = free_port()
        self.said: list[Path] = []
        """What each start of `portfolio up` has said."""
        self.command: subprocess.Popen[bytes] | None = None
        self.quotes: dict[date, dict[str, Quote]] = {}

    # Its life

    def up(self, *more: str) -> float:
        """Give `portfolio up`, and wait until it serves; how many seconds that took."""
        started = time.monotonic()
        said = self.home.with_name(f"up_{len(self.said) + 1}.log")
        self.said.append(said)
        with said.open("wb") as written:
            self.command = subprocess.Popen(
                portfolio("up", "--port", str(self.port), *more),
                cwd=ROOT,
                env=self.environment,
                stdout=written,
                stderr=subprocess.STDOUT,
            )
        while b"The web UI: " not in said.read_bytes():
            assert self.command.poll() is None, said.read_text()
            time.sleep(0.2)
        return time.monotonic() - started

    def kill(self) -> None:
        """As by `kill -9`. What it had started has to end by itself."""
        assert self.command is not None
        self.command.kill()
        self.command.wait()

    def does(self, *arguments: str, **otherwise: str) -> tuple[int, str]:
        done = subprocess.run(
            portfolio(*arguments),
            cwd=ROOT,
            env={**self.environment, **otherwise},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        return done.returncode, done.stdout + done.stderr

    @property
    def warehouse(self) -> Warehouse:
        return open_warehouse(f"duckdb:///{self.home / 'portfolio.duckdb'}")

    # Questions to the web UI

    def asks(self, query: str, **variables: object) -> dict[str, Any]:
        body = json.dumps({"query": query, "variables": variables}).encode()
        asked = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/graphql", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(asked, timeout=120) as answer:
            told: dict[str, Any] = json.load(answer)
        assert "errors" not in told, told["errors"]
        data: dict[str, Any] = told["data"]
        return data

    def runs(self, **tags: str) -> list[dict[str, Any]]:
        wanted = [{"key": f"dagster/{key}", "value": value} for key, value in tags.items()]
        runs: list[dict[str, Any]] = self.asks(RUNS, tags=wanted)["runsOrError"]["results"]
        return runs

    def launch(self, job: str, config: Mapping[str, object] | None = None, **tags: str) -> str:
        """As from the launchpad; the run that it became."""
        asked: dict[str, object] = {"selector": {**_JOB, "jobName": job}, "runConfigData": config or {}}
        asked["executionMetadata"] = {"tags": [{"key": f"dagster/{key}", "value": tags[key]} for key in tags]}
        told = self.asks(LAUNCH, asked=asked)["launchRun"]
        assert told["__typename"] == "LaunchRunSuccess", told
        return str(told["run"]["runId"])

    def over(self, run: str, seconds: float = 300) -> dict[str, Any]:
        """The run when it is over."""
        found: list[dict[str, Any]] = []

        def ended() -> bool:
            found[:] = [one for one in self.runs() if one["runId"] == run]
            return bool(found) and found[0]["status"] in ("SUCCESS", "FAILURE", "CANCELED")

        self.wait_until(ended, seconds, f"run {run} never ended")
        return found[0]

    def ticks(self, since: float) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every tick of the schedule and of the sensors since a moment, by name."""
        told = self.asks(TICKS, asked=_JOB, since=since)
        for kind, state in (("schedulesOrError", "scheduleState"), ("sensorsOrError", "sensorState")):
            for one in told[kind]["results"]:
                for tick in one[state]["ticks"]:
                    yield one["name"], tick

    def failed_checks(self) -> dict[str, str]:
        """Each check whose newest verdict is no pass, and what it says."""
        found = {}
        for node in self.asks(CHECKS)["assetNodes"]:
            for check in node["assetChecksOrError"].get("checks", ()):
                verdict = check["executionForLatestMaterialization"]
                if verdict is not None and verdict["status"] != "SUCCEEDED":
                    name = f"{'/'.join(node['assetKey']['path'])}:{check['name']}"
                    told = verdict["evaluation"] or {"severity": verdict["status"], "description": ""}
                    found[name] = f"{told['severity']} {told['description']}"
        return found

    @staticmethod
    def wait_until(what: Callable[[], object], seconds: float, otherwise: str) -> float:
        """Wait for it; how long it took."""
        started = time.monotonic()
        while not what():
            assert time.monotonic() - started < seconds, otherwise
            time.sleep(0.25)
        return time.monotonic() - started


@contextmanager
def watched_house(folder: Path, first: date, last: date) -> Iterator[WatchedHouse]:
    """A home that was never there, at the evening of `first`, and servers that know the market through `last`."""
    settings = load_settings(SHIPPED_SETTINGS)
    known = SessionRange(previous_session(first, _HISTORY) or first, next_session(last))
    bars = SimulatedMarketData(settings.universe, settings.simulated_market.seed).bars(settings.symbols, known)
    moved = MovedTime(folder, evening(first))
    with AlpacaServer(evening(first)) as broker, AlpacaDataServer(evening(first)) as data, web_hook() as hook:
        broker.clock = broker.ledger.clock = data.clock = data.vendor.clock = moved
        data.vendor.know(bars)
        house = WatchedHouse(folder / "home", broker, data, hook, moved)
        house.quotes = _quotes(bars, first)
        broker.ledger.prices |= {symbol: quote.close or quote.open for symbol, quote in house.quotes[first].items()}
        broker.ledger.cash = Decimal("250000.37")
        broker.ledger.fee = Decimal("0.03")
        try:
            yield house
        finally:
            if house.command is not None:
                house.kill()


def _quotes(bars: pd.DataFrame, first: date) -> dict[date, dict[str, Quote]]:
    """Opens finer than whole cents, as executions may be."""
    days = pd.to_datetime(bars["session"]).dt.date
    found: dict[date, dict[str, Quote]] = {}
    for day, row in zip(days[days >= first], bars[days >= first].to_dict("records"), strict=True):
        opened = Decimal(str(row["open"])) + Decimal("0.0037")
        rest = (Decimal(str(row[name])) for name in ("close", "dividend", "split_ratio", "low", "high"))
        found.setdefault(day, {})[row["symbol"]] = Quote(opened, *rest)
    return found
