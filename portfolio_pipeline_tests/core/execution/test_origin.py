"""What sessions were computed with: what changed from one to the next, and what may never change."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pyarrow as pa
import pytest

from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.execution.origin import (
    Origin,
    changes_by_session,
    require_same_account,
    require_same_source,
)
from portfolio_pipeline.core.market.made_up import OTHER_MODEL, source_name
from portfolio_pipeline_tests.trading import TEST_ORIGIN

DAYS = [date(2024, 3, 1), date(2024, 3, 4), date(2024, 3, 5), date(2024, 3, 6)]


def test_an_origin_comes_back_from_its_rows_unchanged() -> None:
    rows = TEST_ORIGIN.rows(DAYS)
    assert rows.column("session").to_pylist() == DAYS
    assert {Origin.of_row(row) for row in rows.to_pylist()} == {TEST_ORIGIN}


def test_a_session_says_what_was_another_thing_than_at_the_one_before() -> None:
    later = replace(TEST_ORIGIN, settings="other", market_data_place="/prices")
    rows = pa.concat_tables([TEST_ORIGIN.rows(DAYS[:2]), later.rows(DAYS[2:])])
    assert changes_by_session(rows) == {DAYS[2]: "market data place:  -> /prices; settings: settings -> other"}
    assert changes_by_session(TEST_ORIGIN.rows(DAYS)) == {}
    assert changes_by_session(TEST_ORIGIN.rows(DAYS[:1])) == {}


@pytest.mark.parametrize("changed", ["settings", "strategies", "code", "market_data_place"])
def test_settings_strategies_code_and_the_place_of_prices_may_change(changed: str) -> None:
    require_same_account(TEST_ORIGIN, TEST_ORIGIN)
    require_same_account(TEST_ORIGIN, replace(TEST_ORIGIN, **{changed: "other"}))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"market_data": "files"}, "found=market data files, expected=simulated, .*Set MARKET_DATA as it was"),
        ({"broker": "PAPER"}, "found=broker PAPER, expected=SIMULATED, .*Set TRADING_MODE as it was"),
        ({"initial_cash": 5.0}, r"found=initial cash 5.0, expected=1000000.0, .*Set simulated_broker.initial_cash"),
    ],
)
def test_an_account_is_not_continued_with_another_source_broker_or_cash(changed: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigurationError, match=f"ACCOUNT_OF_ANOTHER_KIND: {told}"):
        require_same_account(TEST_ORIGIN, replace(TEST_ORIGIN, **changed))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("stored", "to_go_on"),
    [
        ("SIMULATED model 2 seed 3", "Set simulated_market.seed in the settings as it was"),
        (
            "SIMULATED model 1 seed 4",
            OTHER_MODEL,
        ),
        ("SIMULATED", OTHER_MODEL),
        ("FILES", "Set MARKET_DATA as it was"),
    ],
)
def test_another_seed_or_an_earlier_model_is_another_source_and_says_what_to_do(stored: str, to_go_on: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        require_same_source([stored], source_name(4))
    assert f"found=prices of {source_name(4)}, expected=prices of {stored}, as in" in str(refused.value)
    assert f"Nothing was changed. {to_go_on}, or begin another account" in str(refused.value)
    require_same_source([stored], stored)


def test_prices_of_another_source_than_the_stored_ones_are_refused_where_any_are_stored() -> None:
    require_same_source([], "files")
    require_same_source(["SIMULATED", "files"], "files")
    with pytest.raises(ConfigurationError, match="found=prices of mine, expected=prices of SIMULATED, files, as in"):
        require_same_source(["files", "SIMULATED"], "mine")
