"""`portfolio allocate` from outside, in a home that has traded: what it says, refuses and leaves in the database."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from portfolio_pipeline.adapters.cards import load_cards
from portfolio_pipeline.adapters.environment import SHIPPED_SETTINGS
from portfolio_pipeline.core.portfolio.allocation.methods import ALLOCATION_METHODS
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.defs.portfolio.by_hand import allocate_by_hand
from portfolio_pipeline.defs.reporting.construct import construct_positions
from portfolio_pipeline.defs.reporting.what_if import what_if
from portfolio_pipeline_tests.cli.conftest import LAST
from portfolio_pipeline_tests.cli.house import House
from portfolio_pipeline_tests.fakes.clock import FixedClock

pytestmark = pytest.mark.timeout(600)
NEXT = "2022-08-15"


def content(house: House) -> str:
    return hashlib.sha256((house.home / "portfolio.duckdb").read_bytes()).hexdigest()


def written(house: House) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = house.wired.warehouse.read("manual_shares").to_pylist()
    return rows


def test_what_is_said_by_hand_holds_from_the_next_session_and_no_earlier_one_changes(lived_copy: House) -> None:
    house = lived_copy
    before = house.wired.warehouse.read("strategy_weights").to_pandas()
    code, said = house.does("allocate", "set", "trend_bonds", "0.11", "--reason", "a test")
    assert code == 0
    assert "trend_bonds is set to 11.00% from " in said
    (event,) = written(house)
    # The clock is that of the machine: years have passed since the home's last session.
    assert event["effective_from"] > date.fromisoformat(LAST)  # type: ignore[operator]
    assert (event["action"], event["share"], event["reason"]) == ("set", 0.11, "a test")
    with house.wired.warehouse.transaction() as tx:
        tx.execute(f"update manual_shares set effective_from = date '{NEXT}'")
    code, _ = house.does("run", "--session", LAST, "--only", "strategy_weights")
    assert code == 0
    pd.testing.assert_frame_equal(house.wired.warehouse.read("strategy_weights").to_pandas(), before)
    code, said = house.does("run", "--session", NEXT)
    assert code == 0, said
    after = house.wired.warehouse.read("strategy_weights", where={"strategy": "trend_bonds"}).to_pandas()
    moved = after["weight"].iloc[-1] - after["weight"].iloc[-2]
    assert moved == pytest.approx(-0.02, abs=1e-9)
    assert after["locked"].iloc[-1]
    decisions = house.wired.warehouse.read("rebalance_decisions").to_pylist()
    assert (decisions[-1]["trigger"], decisions[-2]["trigger"]) == ("manual,daily", "daily")
    assert decisions[-1]["who"] != "the rule"
    code, said = house.does("allocate", "unlock", "trend_bonds", "--reason", "done")
    assert code == 0
    assert "trend_bonds has the share that the method gives it from " in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("set", "trend_bond", "0.2", "--reason", "x"), "(did you mean trend_bonds?)"),
        (("set", "trend_bonds", "20", "--reason", "x"), "(a fraction: did you mean 0.2?)"),
        (("set", "trend_bonds", "0.2"), "Missing option '--reason'"),
        (("set", "trend_bonds", "much", "--reason", "x"), "'much' is not a valid float"),
        (("pause", "trend_bonds", "--from", "2022-01-04", "--reason", "x"), "SESSION_DECIDED: found=2022-01-04"),
        (("unlock", "trend_bonds", "--reason", "x"), "NOTHING_BY_HAND"),
        (("lokc", "trend_bonds"), "(did you mean lock?)"),
        (("what-if", "--method", "risk_party"), "(did you mean risk_parity?)"),
        (("what-if", "--set", "maximum=40"), "did you mean 0.40?"),
        (("what-if", "--set", "maximumm=0.4"), "(did you mean maximum?)"),
        (("what-if", "--set", "minimum=0.3"), "found=5 x 0.3 = 1.5 of the active strategies, expected=at most 1"),
        (("what-if", "--set", "rebalancing.trigger=monthly"), "SETTING_WRONG"),
        (("what-if", "--shares", "trend_bonds=0.7,diversified_core=0.5"), "found=0.7 + 0.5 = 1.2, expected=at most 1"),
        (("what-if", "--shares", "bonds=0.7"), "STRATEGY_UNKNOWN: found=bonds"),
        (("what-if", "--from", "2019-01-02"), "PRICES_MISSING"),
    ],
)
def test_a_mistake_is_one_message_and_changes_nothing(lived: House, arguments: tuple[str, ...], message: str) -> None:
    before = content(lived)
    code, said = lived.does("allocate", *arguments)
    assert code != 0
    assert message in " ".join(said.split())
    assert content(lived) == before


def test_what_if_compares_and_leaves_every_byte_of_the_database(lived: House) -> None:
    before = content(lived)
    code, said = lived.does("allocate", "what-if", "--method", "all", "--json")
    assert code == 0
    found = json.loads(said[said.index("{") :])
    assert found["error"] is None
    assert found["simulated"]
    labels = [one["label"] for one in found["ways"]]
    assert labels == ["as it was decided", *(name for name in ALLOCATION_METHODS if name != "static")]
    ways = {one["label"]: one for one in found["ways"]}
    chosen, present = ways["inverse_volatility"], ways["as it was decided"]
    for name in ("annual_return", "volatility", "sharpe", "max_drawdown", "turnover", "cost", "moves", "shares"):
        assert chosen[name] == present[name], name  # the method of the settings, decided anew, to the bit
    assert ways["equal"]["shares"] == pytest.approx(dict.fromkeys(present["shares"], 0.2))
    assert content(lived) == before


def test_what_if_writes_a_page_of_its_own(lived: House, tmp_path: Path) -> None:
    folder, way = tmp_path / "report", "trend_bonds=0.3,diversified_core=0.4"
    code, said = lived.does(
        *("allocate", "what-if", "--shares", way, "--set", "minimum=0"),
        *("--set", "rebalancing.trigger=month_end", "--out", str(folder)),
    )
    assert code == 0
    assert way in said
    assert (folder / "what_if.html").read_text(encoding="utf-8").count("<img") == 3
    shares = pd.read_csv(folder / "shares.csv")
    given = shares[shares["way"] == way].pivot_table(index="session", columns="strategy", values="weight")
    asked = pd.Series({"diversified_core": 0.4, "trend_bonds": 0.3}).reindex(given.columns, fill_value=0.0)
    assert len(given) == 154
    assert (given - asked).abs().to_numpy().max() < 1e-9


def test_construct_says_to_the_cent_what_money_buys_and_leaves_every_byte(lived: House) -> None:
    before = content(lived)
    asked = ("allocate", "construct", "--capital", "100000", "--universe", "SPY,EFA,TLT,GLD,VNQ")
    code, said = lived.does(*asked, "--method", "risk_parity", "--json")
    assert code == 0
    found = json.loads(said[said.index("{") :])
    spent = sum(one["value"] + one["costs"] for one in found["positions"])
    assert spent + found["cash"] == pytest.approx(100_000, abs=1e-6)
    assert 0 <= found["cash"] < 500
    prices = lived.wired.warehouse.read("prices", where={"session": date.fromisoformat(LAST)}).to_pandas()
    closes = prices.set_index("symbol")["close"]
    for one in found["positions"]:
        assert one["price"] == pytest.approx(closes[one["symbol"]])
        assert one["value"] == pytest.approx(one["shares"] * one["price"])
        assert one["value"] == pytest.approx(1e5 * one["asked"], abs=one["price"])
        assert one["limits_leave"] <= 0.2 + 1e-9
    assert found["adopted"] is None
    assert content(lived) == before


def test_what_is_adopted_is_a_candidate_that_the_chain_computes_and_gives_no_capital(lived_copy: House) -> None:
    asked = ("allocate", "construct", "--capital", "100000", "--universe", "SPY,TLT", "--method", "hrp")
    code, said = lived_copy.does(*asked, "--window", "62", "--adopt", "my_core")
    assert code == 0
    assert "my_core.yaml" in said
    code, again = lived_copy.does(*asked, "--window", "62", "--adopt", "my_core")
    assert (code, "STRATEGY_EXISTS" in again) == (1, True)
    code, said = lived_copy.does("run", "--session", NEXT)
    assert code == 0, said
    warehouse = lived_copy.wired.warehouse
    targets = warehouse.read("strategy_targets", where={"strategy": "my_core"}).to_pandas()
    newest = targets[targets["session"] == date.fromisoformat(NEXT)].set_index("symbol")["weight"]
    # The house lets no strategy hold more of a symbol, and the card is no looser.
    assert 0.5 <= newest[["SPY", "TLT"]].sum() <= 2 * 0.4 + 1e-9
    shares = warehouse.read("strategy_weights", where={"strategy": "my_core"}).to_pandas()
    assert shares["weight"].tolist() == [0.0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--capital", "100", "--universe", "SPY,TLX"), "(did you mean TLT?)"),
        (("--capital", "100", "--universe", "SPY,SPY"), "SYMBOL_TWICE"),
        (("--capital", "-1", "--universe", "SPY"), "CAPITAL_WRONG: found=-1.0"),
        (("--capital", "nan", "--universe", "SPY"), "CAPITAL_WRONG: found=nan"),
        (("--capital", "1e5", "--universe", ","), "SYMBOLS_MISSING"),
        (("--capital", "1e5", "--universe", "SPY", "--window", "7"), "WINDOW_WRONG: found=7"),
        (("--capital", "1e5", "--universe", "SPY", "--method", "static"), "it needs what only strategies have"),
        (("--capital", "1e5", "--universe", "SPY", "--session", "2022-08-13"), "PRICES_MISSING: found=2022-08-13"),
        (
            ("--capital", "1e5", "--universe", "SPY", "--method", "hierarchical", "--adopt", "x1"),
            "METHOD_NOT_ADOPTABLE",
        ),
        (("--capital", "1e5", "--universe", "SPY", "--adopt", "My Core"), "STRATEGY_NAME_WRONG"),
    ],
)
def test_a_construction_that_cannot_be_is_refused(lived: House, arguments: tuple[str, ...], message: str) -> None:
    code, said = lived.does("allocate", "construct", *arguments)
    assert code == 1
    assert message in " ".join(said.split())
    assert not (lived.home / "strategies").exists()


def resources(house: House) -> dict[str, object]:
    settings: Settings = house.wired.settings
    clock = FixedClock.after_close(date.fromisoformat(LAST))
    return {
        "warehouse": house.wired.warehouse,
        "settings": settings,
        "strategies": load_cards(),
        "clock": clock,
    }


def test_the_jobs_of_the_web_ui_do_the_same(lived_copy: House) -> None:
    config = {"action": "pause", "strategy": "trend_bonds", "reason": "a test", "last": "2022-09-30"}
    done = allocate_by_hand.execute_in_process(
        run_config={"ops": {"by_hand": {"config": config}}}, resources=resources(lived_copy)
    )
    assert done.success
    (event,) = written(lived_copy)
    assert (event["effective_from"], event["expires"]) == (date(2022, 8, 15), date(2022, 9, 30))
    assert (event["who"], event["share"]) == ("web UI", None)
    refused = allocate_by_hand.execute_in_process(resources=resources(lived_copy), raise_on_error=False)
    (failure,) = (found.step_failure_data for found in refused.all_events if found.is_step_failure)
    assert "REASON_MISSING" in str(failure.user_failure_data)
    before = content(lived_copy)
    run = what_if.execute_in_process(
        run_config={"ops": {"compare_shares": {"config": {"methods": ["equal", "hrp"], "first": "2022-06-01"}}}},
        resources=resources(lived_copy),
    )
    (output,) = (found for found in run.all_events if found.event_type_value == "STEP_OUTPUT")
    page = str(output.step_output_data.metadata["report"].value)
    assert "| as it was decided | equal | hrp |" in page
    assert page.count("](data:image/svg+xml,") == 3
    assert len(page) < 300_000
    assert content(lived_copy) == before
    done = construct_positions.execute_in_process(resources=resources(lived_copy))
    (output,) = (found for found in done.all_events if found.event_type_value == "STEP_OUTPUT")
    page = str(output.step_output_data.metadata["report"].value)
    assert "| symbol | asked | shares | price |" in page
    assert page.count("](data:image/svg+xml,") == 1
    assert content(lived_copy) == before


def test_what_if_compares_what_was_decided_whatever_risk_states_took_of_it(lived_copy: House) -> None:
    scope = ("--scope", "strategy:trend_bonds")
    assert lived_copy.does("risk", "override", "--factor", "0", *scope, "--reason", "a test")[0] == 0
    assert lived_copy.does("run", "--session", NEXT)[0] == 0
    newest = lived_copy.wired.warehouse.read("strategy_weights", where={"strategy": "trend_bonds"}).to_pandas()
    assert (newest["weight"].iloc[-1], newest["unresponded_weight"].iloc[-1] > 0.1) == (0.0, True)
    code, said = lived_copy.does("allocate", "what-if", "--json")
    assert code == 0, said
    present, again = json.loads(said[said.index("{") :])["ways"]
    assert {**again, "label": "", "refused": 0} == {**present, "label": "", "refused": 0}


def test_construct_asks_the_limits_that_look_at_the_past(lived_copy: House) -> None:
    settings = SHIPPED_SETTINGS.read_text(encoding="utf-8").replace("limits:\n", "limits:\n  volatility: 0.05\n")
    (lived_copy.home / "portfolio.yaml").write_text(settings, encoding="utf-8")
    asked = ("allocate", "construct", "--capital", "100000", "--universe", "SPY,QQQ,IWM,EFA,EEM,EWJ")
    code, said = lived_copy.does(*asked, "--method", "equal", "--json")
    assert code == 0, said
    positions = json.loads(said[said.index("{") :])["positions"]
    assert all("volatility limit 0.05" in one["reason"] for one in positions)
    assert sum(one["limits_leave"] for one in positions) < 0.65  # that of the class alone would leave 0.7
