"""A new home as `portfolio up` begins it: what its card needs stands in front of the first trading session.

The card is a small one, so that this takes seconds; what the shipped cards need is loaded by one test alone.
"""

from __future__ import annotations

import shutil
import signal
import time
from datetime import date
from pathlib import Path

import pytest

from portfolio_pipeline.adapters.environment import SHIPPED_SETTINGS
from portfolio_pipeline.core.calendar.beginnings import Beginnings
from portfolio_pipeline.core.calendar.sessions import SessionRange, next_session, previous_session, sessions_between
from portfolio_pipeline.core.errors import PortfolioError
from portfolio_pipeline.reads.beginnings import stored_beginnings
from portfolio_pipeline_tests.chain import SEALS, Tables, assert_same, read_tables
from portfolio_pipeline_tests.cli.house import House

CARD = """
name: small
type: diversified
description: for tests
symbols: {asset_classes: [bond]}
rebalance: daily
parameters: {window: {low: 42, high: 63, step: 21}, inverse_volatility_share: 0.5}
search: {window_sessions: 20, trials: 6}
sizing: {maximum_weight: 0.4}
honesty: {fewest_sessions: 20, walk_forward_sessions: 60}
"""
ON_PAPER, NEEDED = 20, 64 + 1 + 20 + 20
# The same, as the web UI starts it: one run after the other, of some assets, for a session or a range.
STEP_BY_STEP = """
import sys
import dagster as dg
from portfolio_pipeline.cli.first_start import begin
from portfolio_pipeline.cli.home import account
from portfolio_pipeline.definitions import defs

with account("a test") as wired:
    begin(wired, 3)
job = defs().resolve_job_def("daily")
with dg.DagsterInstance.get() as instance:
    for step in sys.argv[1:]:
        first, last, *names = step.split(",")
        chosen = job.get_subset(asset_selection={dg.AssetKey(name.split("/")) for name in names}) if names else job
        tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
        done = chosen.execute_in_process(instance=instance, tags=tags, raise_on_error=False)
        for event in done.all_events:
            if event.is_step_failure:
                print("refused:", event.step_failure_data.user_failure_data.description)
        if not done.success:
            raise SystemExit(1)
"""
MARKET = ("prices", "features", "regimes")
STRATEGY = ("small/optimized_parameters", "small/strategy_targets", "small/strategy_honesty")


def small_home(home: Path, **variables: str) -> House:
    """An empty home with a small card of its own."""
    (home / "strategies").mkdir(parents=True)
    (home / "strategies" / "small.yaml").write_text(CARD, encoding="utf-8")
    settings = SHIPPED_SETTINGS.read_text(encoding="utf-8").replace("strategies: all", "strategies: none")
    settings = settings.replace("  window_sessions: 252", "  window_sessions: 20").replace("m: 0.40", "m: 1.0")
    (home / "portfolio.yaml").write_text(settings, encoding="utf-8")
    return House(home, **variables)


def beginnings(house: House) -> Beginnings:
    found = stored_beginnings(house.wired.warehouse)
    assert found is not None
    return found


def step_by_step(house: House, *steps: tuple[date, date, tuple[str, ...]]) -> tuple[int, str]:
    told = [",".join([first.isoformat(), last.isoformat(), *names]) for first, last, names in steps]
    command = house.start("-c", STEP_BY_STEP, *told)
    said, _ = command.communicate(timeout=280)
    return command.returncode, said


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> tuple[House, str]:
    """A home after its first start, and what was said."""
    house = small_home(tmp_path_factory.mktemp("begun") / "home")
    code, said = house.does("up", "--no-ui", "--sessions", "3")
    assert code == 0, said
    return house, said


@pytest.fixture
def house(begun: tuple[House, str], tmp_path: Path) -> House:
    """A copy of it."""
    shutil.copytree(begun[0].home, tmp_path / "home")
    return House(tmp_path / "home")


def test_what_the_cards_need_is_loaded_and_said(begun: tuple[House, str]) -> None:
    house, said = begun
    where = beginnings(house)
    assert f"Warm-up: {NEEDED} sessions before the first trading session are loaded too. {where}" in said
    since = f"{where.account}, its strategies on paper at {where.strategies}, prices at {where.market}"
    assert f"the account begins at {since}" in said
    warehouse = house.wired.warehouse
    last = warehouse.newest("account")
    assert last is not None
    assert len(sessions_between(where.account, last)) == 3
    assert len(sessions_between(where.strategies, last)) == 3 + ON_PAPER
    assert len(sessions_between(where.market, last)) == 3 + NEEDED
    assert f" prices: {3 + NEEDED} sessions in " in said
    assert f" orders: {3} sessions in " in said


def test_each_table_begins_with_its_part_and_figures_with_the_account(begun: tuple[House, str]) -> None:
    house, _ = begun
    where, warehouse = beginnings(house), house.wired.warehouse
    for part, tables in {
        "market": ("prices", "features", "regimes"),
        "strategies": (
            "optimized_parameters",
            "strategy_targets",
            "strategy_returns",
            "strategy_honesty",
            "strategy_stages",
        ),
        "account": ("strategy_weights", "aggregated_targets", "risk_metrics", "account", "metrics", "sim_account"),
    }.items():
        assert {warehouse.oldest(name) for name in tables} == {where.of(part)}, part  # type: ignore[arg-type]
    cumulated = "select count(*) as n from metrics where session = $1 and metric = 'cumulative_return' and value <> 0"
    assert warehouse.query(cumulated, [where.account])["n"].to_pylist() == [0]


def test_the_first_trading_session_knows_what_it_decides_on(begun: tuple[House, str]) -> None:
    house, _ = begun
    where, warehouse = beginnings(house), house.wired.warehouse
    first = SessionRange.single(where.account)
    (chosen,) = warehouse.read("optimized_parameters", SessionRange.single(where.strategies)).to_pylist()
    assert chosen["reason"].startswith(("first choice by", "first mixture"))
    (judged,) = warehouse.read("strategy_honesty", first).to_pylist()
    assert judged["walked_sessions"] == ON_PAPER
    assert "UNKNOWN" not in judged["reasons"]
    assert len(warehouse.read("orders", first))
    assert len(warehouse.read("positions", SessionRange.single(next_session(where.account))))


@pytest.fixture(scope="module")
def in_parts(begun: tuple[House, str], tmp_path_factory: pytest.TempPathFactory) -> House:
    """A home that came to the same sessions bit by bit."""
    where, (before, last) = beginnings(begun[0]), _last_two(begun[0])
    on_paper, trading = previous_session(where.strategies), previous_session(where.account)
    assert on_paper is not None
    assert trading is not None
    almost, nearly = previous_session(on_paper), previous_session(trading)
    assert almost is not None
    assert nearly is not None
    research = (*MARKET, *STRATEGY, "strategy_stages")
    parts = small_home(tmp_path_factory.mktemp("parts") / "home")
    code, said = step_by_step(
        parts,
        (where.market, almost, MARKET),
        (on_paper, on_paper, MARKET),
        (where.strategies, nearly, research),
        (trading, trading, research),
        *((one, one, ()) for one in (where.account, before, last)),
    )
    assert code == 0, said
    return parts


@pytest.mark.timeout(300)
def test_the_first_start_is_the_same_as_one_session_after_the_other(begun: tuple[House, str], in_parts: House) -> None:
    assert_same(_comparable(in_parts), _comparable(begun[0]))


@pytest.mark.timeout(300)
def test_the_first_start_is_the_same_on_postgres(in_parts: House, postgres_url: str, tmp_path: Path) -> None:
    whole = small_home(tmp_path / "home", DATABASE_URL=postgres_url)
    code, said = whole.does("up", "--no-ui", "--sessions", "3")
    assert code == 0, said
    assert_same(_comparable(in_parts), _comparable(whole), exact=False)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("moment", ["prices", "optimized_parameters", "orders"])
def test_a_first_start_that_was_killed_goes_on_as_it_was_decided(
    moment: str, begun: tuple[House, str], tmp_path: Path
) -> None:
    killed = small_home(tmp_path / "home")
    command = killed.start("up", "--no-ui", "--sessions", "3")
    warehouse = killed.wired.warehouse
    deadline = time.monotonic() + 120
    while not _has_rows(killed, moment):
        assert command.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    command.send_signal(signal.SIGKILL)
    command.communicate(timeout=60)
    assert warehouse.oldest("metrics") is None
    # Whatever is asked for, or installed, the second time.
    (killed.home / "portfolio.yaml").write_text(
        (killed.home / "portfolio.yaml").read_text(encoding="utf-8").replace("warm_up: auto", "warm_up: 5"), "utf-8"
    )
    code, said = killed.does("up", "--no-ui", "--sessions", "30")
    assert code == 0, said
    found, expected = _comparable(killed), _comparable(begun[0])
    assert len(found.pop("session_origins")) == len(expected.pop("session_origins"))  # with their fingerprints
    assert_same(found, expected)


def test_a_session_of_the_warm_up_is_not_traded(house: House) -> None:
    where, runs, before = beginnings(house), len(house.runs()), read_tables(house.wired.warehouse)
    day = previous_session(where.account)
    for command in (("run", "--session", f"{day}"), ("backfill", "--from", f"{where.market}", "--to", f"{day}")):
        code, said = house.does(*command)
        assert code == 1, said
        assert f"BEFORE_THE_BEGINNING: of=the whole chain, found={day}, expected={where.account} or later" in said
        assert (
            f"Prices, features and regimes begin at {where.market}, strategies on paper at {where.strategies}." in said
        )
    assert len(house.runs()) == runs
    code, said = house.does("run", "--session", f"{day}", "--only", "orders")
    assert code == 1
    assert f"orders: BEFORE_THE_BEGINNING: of=orders, found={day}" in said
    code, said = house.does("run", "--session", f"{where.market}", "--only", "small/strategy_targets")
    assert code == 1
    assert f"of=small/strategy_targets, found={where.market}, expected={where.strategies} or later" in said
    assert_same(read_tables(house.wired.warehouse), before)


def test_the_web_ui_is_refused_alike(house: House) -> None:
    where, before = beginnings(house), read_tables(house.wired.warehouse)
    day = previous_session(where.account)
    assert day is not None
    for last in (day, where.account):
        code, said = step_by_step(house, (day, last, ("orders", "positions")))
        assert code == 1
        told = [line for line in said.splitlines() if line.startswith("refused: ")]
        assert told[0].startswith("refused: BEFORE_THE_BEGINNING: of=orders, found="), said
    assert_same(read_tables(house.wired.warehouse), before)


def test_research_of_the_warm_up_may_be_computed_again_and_a_range_over_both_as_well(house: House) -> None:
    where, before = beginnings(house), _comparable(house)
    day = previous_session(where.account)
    code, said = house.does("run", "--session", f"{day}", "--only", ",".join((*MARKET, *STRATEGY)))
    assert code == 0, said
    code, said = house.does("backfill", "--from", f"{day}", "--to", f"{where.account}")
    assert code == 0, said
    assert " orders: 1 session in " in said
    assert_same(_comparable(house), before)


def test_status_says_since_when(house: House) -> None:
    where = beginnings(house)
    code, said = house.does("status")
    assert code == 0
    assert f"the account begins at {where.account}, its strategies on paper at {where.strategies}" in said


def test_a_card_that_is_added_later_works_with_the_history_that_is_there(house: House) -> None:
    demanding = CARD.replace("name: small", "name: demanding").replace("window_sessions: 20", "window_sessions: 504")
    (house.home / "strategies" / "demanding.yaml").write_text(demanding, encoding="utf-8")
    where, last = beginnings(house), _last_two(house)[1]
    code, said = house.does("run", "--session", f"{last}", "--only", "demanding/optimized_parameters")
    assert code == 0, said
    assert beginnings(house) == where
    assert house.wired.warehouse.oldest("prices") == where.market
    (row,) = house.wired.warehouse.read("optimized_parameters", where={"strategy": "demanding"}).to_pylist()
    assert row["session"] == last
    assert row["reason"].startswith("default: fewer than 126 sessions of scores")


@pytest.mark.timeout(300)
def test_with_the_shipped_cards_a_new_home_holds_something_after_its_first_session(tmp_path: Path) -> None:
    house = House(tmp_path / "home")
    code, said = house.does("up", "--no-ui", "--sessions", "2")
    assert code == 0, said
    where, warehouse = beginnings(house), house.wired.warehouse
    account = warehouse.read("account", where={"book": "account"}).to_pylist()
    assert [row["session"] for row in account] == [where.account, next_session(where.account)]
    assert account[1]["gross_exposure"] > 0.1
    judged = warehouse.read("strategy_honesty", SessionRange.single(where.account)).to_pylist()
    assert len(judged) == 5
    assert min(row["walked_sessions"] for row in judged) >= 126
    searched = warehouse.read("optimized_parameters", SessionRange.single(where.account)).to_pylist()
    assert min(row["trials"] for row in searched) > 0


def _last_two(house: House) -> tuple[date, date]:
    last = house.wired.warehouse.newest("prices")
    assert last is not None
    before = previous_session(last)
    assert before is not None
    return before, last


def _comparable(house: House) -> Tables:
    """All tables but the seals, which are keyed with the secret of their home."""
    tables = read_tables(house.wired.warehouse)
    assert all(len(tables.pop(name)) for name in SEALS)
    return tables


def _has_rows(house: House, table: str) -> bool:
    try:
        return house.wired.warehouse.oldest(table) is not None
    except PortfolioError:  # not made yet
        return False
