"""What careless hands type, set and edit: refused with one message, or harmless. The account stays as it was."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pandas as pd
import pytest

from portfolio_pipeline.adapters.environment import SHIPPED_SETTINGS
from portfolio_pipeline_tests.chain import assert_same
from portfolio_pipeline_tests.cli.conftest import LAST
from portfolio_pipeline_tests.cli.house import CLI, ROOT, House

OF_THE_ACCOUNT = ("orders", "submissions", "fills", "order_outcomes", "positions", "account", "sim_orders", "sim_fills")
NEXT = "2022-08-15"
BARS = "date,symbol,open,high,low,close,volume\n2022-08-15,SPY,1,1,1,1,1\n"
NO_SUCH_FOLDER = "/nowhere/at/all"


@dataclass(frozen=True)
class Careless:
    """`said` is in the one message; without it the command is harmless. Files are put into the home for its time."""

    what: str
    typed: str
    said: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    settings: tuple[str, str] | None = None  # in portfolio.yaml, this becomes that


CLOCK = """
from datetime import UTC, datetime
from portfolio_pipeline.adapters.clock import SystemClock
SystemClock.now = lambda self: datetime.fromisoformat("{now}").replace(tzinfo=UTC)
"""
"""An extension of the home that puts the process at another time."""

MOMENTUM = "name: mine\ntype: momentum\ndescription: Mine.\nsymbols: {only: [SPY, QQQ]}\n"
THIRTY = (
    Careless("a Saturday", "run --session 2022-08-13", "NOT_A_SESSION: found=2022-08-13, why=weekend"),
    Careless("a holiday", "run --session 2022-07-04", "NOT_A_SESSION: found=2022-07-04, why=July 4th"),
    Careless("the far future", "run --session 2030-01-02", "2030-01-02"),
    Careless("day and month in the wrong order", "run --session 12/08/2022", "is no date; write it as 2026-11-20"),
    Careless("long before the account", "run --session 2010-01-04", "LATER_SESSIONS_MISSING"),
    Careless("a session too far", "run --session 2022-08-16", "PREVIOUS_SESSION_MISSING"),
    Careless("years too far, by saying nothing", "run", "PREVIOUS_SESSION_MISSING"),
    Careless("a range from its end", "backfill --from 2022-08-12 --to 2022-08-01", "EMPTY_SESSION_RANGE"),
    Careless(
        "a range in front of the account", "backfill --from 2021-12-20 --to 2022-01-07", "PAST_WOULD_BE_REWRITTEN"
    ),
    Careless("the last session twice", f"run --session {LAST}"),
    Careless("old fills once more", "run --session 2022-07-20 --only fills,positions"),
    Careless("orders of an old session once more", "run --session 2022-07-20 --only orders,submissions"),
    Careless("an asset that is not there", f"run --session {LAST} --only fils", "ASSET_UNKNOWN: found=fils"),
    Careless("a rebuild of what never was", "run --rebuild-from 2010-01-04", "NOTHING_TO_REBUILD"),
    Careless("a rebuild of the future", "run --rebuild-from 2024-01-02", "NOTHING_TO_REBUILD"),
    Careless("half a rebuild", "run --rebuild-from 2022-08-01 --only prices", "give it alone"),
    Careless(
        "another market",
        f"run --session {NEXT}",
        "ACCOUNT_OF_ANOTHER_KIND",
        {"MARKET_DATA": "files", "MARKET_DATA_PATH": "{home}/bars"},
        {"bars/SPY.csv": BARS},
    ),
    Careless("a market without a place", f"run --session {NEXT}", "MARKET_DATA_PATH_", {"MARKET_DATA": "files"}),
    Careless("a broker in small letters", f"run --session {NEXT}", "TRADING_MODE_UNKNOWN", {"TRADING_MODE": "live"}),
    Careless("real money", f"run --session {NEXT}", "LIVE", {"TRADING_MODE": "LIVE"}),
    Careless(
        "another database",
        f"run --session {NEXT}",
        "HOME_OF_ANOTHER_DATABASE",
        {"DATABASE_URL": "duckdb:////tmp/another-one.duckdb"},
    ),
    Careless(
        "a database that depends on the folder",
        f"run --session {NEXT}",
        "DATABASE_URL_RELATIVE",
        {"DATABASE_URL": "duckdb:///portfolio.duckdb"},
    ),
    Careless(
        "a password with an @",
        "status",
        "DATABASE_URL_AMBIGUOUS",
        {"DATABASE_URL": "postgresql://me:pass@word@db.example/fund"},
    ),
    Careless("a home that is not there", "halt", "HOME_MISSING", {"DAGSTER_HOME": NO_SUCH_FOLDER}),
    Careless("a resume without a reason", "resume", "Missing option '--reason'"),
    Careless("percent", f"run --session {NEXT}", "did you mean 0.20?", settings=("symbol: 0.20", "symbol: 20")),
    Careless("yes for a number", f"run --session {NEXT}", "gross", settings=("gross: 1.0", "gross: true")),
    Careless("a limit of no meaning", f"run --session {NEXT}", "gross", settings=("gross: 1.0", "gross: 1e9")),
    Careless("a misspelt setting", f"run --session {NEXT}", "benchmrk", settings=("benchmark: SPY", "benchmrk: SPY")),
    Careless(
        "more money",
        f"run --session {NEXT}",
        "ACCOUNT_OF_ANOTHER_KIND: found=initial cash",
        settings=("initial_cash: 1000000", "initial_cash: 5000000"),
    ),
    Careless("settings that are no YAML", f"run --session {NEXT}", "portfolio.yaml", files={"portfolio.yaml": "a: [1"}),
    Careless("an empty settings file", f"run --session {NEXT}", "portfolio.yaml", files={"portfolio.yaml": ""}),
    Careless(
        "a card with a symbol that is not traded",
        f"run --session {NEXT}",
        "GOOGLE",
        files={"strategies/mine.yaml": MOMENTUM.replace("QQQ", "GOOGLE")},
    ),
    Careless(
        "a card with the name of another",
        f"run --session {NEXT}",
        "trend_bonds",
        files={"strategies/trend_bonds.yaml": MOMENTUM.replace("mine", "trend_bonds")},
    ),
    Careless("a card that is a folder's name", "strategy new ../evil --type momentum", "STRATEGY_"),
    Careless("a card that is there already", "strategy new momentum_equities --type momentum", "STRATEGY_"),
    Careless("a broken extension", "status", "mine.py", files={"extensions/mine.py": "def broken(:\n"}),
    Careless("an extension that fails", "status", "mine.py", files={"extensions/mine.py": "1 / 0\n"}),
    Careless("no workers", f"run --session {NEXT}", "OPTIMIZATION_WORKERS_WRONG", {"OPTIMIZATION_WORKERS": "0"}),
    Careless("an alert to nobody", f"run --session {NEXT}", "ALERTS_UNKNOWN", {"ALERTS": "emial"}),
    Careless("open to the world", "up --host 0.0.0.0", "WEB_UI_OPEN_TO_ALL"),
    Careless("no port", "up --port 80000", "not in the range"),
    Careless("parameters that are no numbers", "backtest momentum_equities --set fast=abc", "abc"),
    Careless("another time zone", f"run --session {LAST}", variables={"TZ": "Pacific/Kiritimati"}),
    Careless(
        "a clock an hour slow, so that today is not over yet",
        f"run --session {NEXT}",
        "SESSION_NOT_CLOSED",
        files={"extensions/mine.py": CLOCK.format(now="2022-08-15T19:30")},
    ),
    Careless(
        "a clock set back behind what was traded",
        "run",
        files={"extensions/mine.py": CLOCK.format(now="2022-08-11T23:00")},
    ),
    Careless(
        "a clock set back, and orders once more",
        "run --only orders,submissions",
        files={"extensions/mine.py": CLOCK.format(now="2022-08-11T23:00")},
    ),
    Careless(
        "a clock set back before the account",
        "run",
        "LATER_SESSIONS_MISSING",
        files={"extensions/mine.py": CLOCK.format(now="2015-08-11T23:00")},
    ),
    Careless("a strange locale", "status", variables={"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0"}),
)


@pytest.fixture(scope="module")
def house(lived: House, tmp_path_factory: pytest.TempPathFactory) -> House:
    """One home for all of them: what one of them broke the others would show."""
    home = tmp_path_factory.mktemp("careless") / "home"
    shutil.copytree(lived.home, home)
    return House(home)


@pytest.fixture(scope="module")
def before(house: House) -> dict[str, pd.DataFrame]:
    return of_the_account(house)


def of_the_account(house: House) -> dict[str, pd.DataFrame]:
    with house.wired.warehouse.reading() as reader:
        return {name: reader.read(name).to_pandas() for name in OF_THE_ACCOUNT}


@pytest.fixture
def edited(house: House, request: pytest.FixtureRequest) -> Iterator[Careless]:
    """Its files are in the home, and away again at the end."""
    careless: Careless = request.param
    files = dict(careless.files)
    if careless.settings is not None:
        files["portfolio.yaml"] = replaced(SHIPPED_SETTINGS.read_text(encoding="utf-8"), *careless.settings)
    for name, text in files.items():
        (house.home / name).parent.mkdir(exist_ok=True)
        (house.home / name).write_text(text, encoding="utf-8")
    yield careless
    for name in files:
        (house.home / name).unlink()


def replaced(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("edited", THIRTY, indirect=True, ids=lambda careless: careless.what)
def test_it_is_refused_in_one_message_or_harmless(
    edited: Careless, house: House, before: dict[str, pd.DataFrame]
) -> None:
    variables = {name: value.format(home=house.home) for name, value in edited.variables.items()}
    code, said = House(house.home, **variables).does(*edited.typed.split())
    assert code == (1 if edited.said else 0), said
    assert edited.said in said
    assert "word@" not in said
    assert_same(of_the_account(house), before)


@pytest.mark.timeout(300)
def test_after_all_of_them_the_next_session_runs(house: House, before: dict[str, pd.DataFrame]) -> None:
    code, said = house.does("run", "--session", NEXT)
    assert code == 0, said
    after = of_the_account(house)
    for name, table in before.items():
        assert len(after[name]) >= len(table)


SOMEBODY = 65534
UNPRIVILEGED = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all")
_CAN_LET_GO = os.geteuid() == 0 and shutil.which("setpriv") is not None


@pytest.mark.skipif(not _CAN_LET_GO, reason="a home of somebody else takes root, who has to let its rights go")
@pytest.mark.parametrize("typed", ["status", f"run --session {LAST}", "halt", "up --no-ui", "strategy list", "doctor"])
def test_another_user_is_told_that_the_home_is_not_theirs(lived_copy: House, typed: str) -> None:
    for path in (lived_copy.home, *lived_copy.home.rglob("*")):
        os.chown(path, SOMEBODY, SOMEBODY)
    lived_copy.home.chmod(0o700)
    done = subprocess.run(
        [*UNPRIVILEGED, *CLI, *typed.split()],
        cwd=ROOT,
        env=lived_copy.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    said = done.stdout + done.stderr
    assert (done.returncode, "Traceback" in said) == (1, False), said
    assert "Permission denied" in " ".join(said.split())
    if typed == "halt":
        assert "Trading is NOT halted" in said
