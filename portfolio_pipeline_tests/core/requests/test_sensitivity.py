"""One parameter at a time, against sets that are searched alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from portfolio_pipeline.core.errors import ConfigurationError, DataError
from portfolio_pipeline.core.performance.metrics import performance
from portfolio_pipeline.core.requests.sensitivity import sensitivity
from portfolio_pipeline_tests.core.markets import market, with_another_future
from portfolio_pipeline_tests.core.searches import card, walk

PANEL = market()
LAST = len(PANEL.sessions) - 50
SPACE: dict[str, Any] = {"fast": [42, 63, 84], "slow": [84, 126], "top": [2, 3]}
FIXED: dict[str, Any] = {"slow_share": 0.5, "trend_window": 100, "trend_filter": "symbol"}


def around(panel: Any = PANEL, parameters: dict[str, Any] | None = None, first: int = 0, **base: Any) -> Any:
    made = card(SPACE | FIXED | (parameters or {}), rule="surface_mixture", objective="return")
    searching = walk(panel, made.model_copy(update={"constraints": ("slow > fast",)}), first=first)
    chosen = searching.space.parameters(searching.space.default.model_dump() | base)
    assert chosen is not None
    return searching, sensitivity(searching, chosen, LAST)


def test_each_row_is_the_base_with_one_other_value() -> None:
    searching, found = around(top=3)
    net, turnover = {}, {}
    for one in searching.space.grid():
        (net[one],), (turnover[one],) = searching.backtests.of([one])
    base = found.base.model_dump()
    counted = slice(found.begin, LAST + 1)
    for row in found.rows.itertuples():
        one = searching.space.parameters(base | {row.parameter: row.value})
        mine = performance(net[one][counted])
        assert row.is_base == (one == found.base)
        assert row.sharpe == pytest.approx(mine["sharpe"][-1], abs=1e-9)
        assert row.max_drawdown == pytest.approx(mine["max_drawdown"][-1], abs=1e-9)
        traded = searching.backtests.traded_at
        counts = (traded >= found.begin) & (traded <= LAST)
        assert row.turnover == pytest.approx(252 * turnover[one][counts].sum() / (LAST + 1 - found.begin))
        assert row.difference == pytest.approx(row.sharpe - found.rows.loc[found.rows["is_base"], "sharpe"].iloc[0])
    values = found.rows.groupby("parameter", sort=False)["value"].apply(list).to_dict()
    assert values == {"fast": [42, 63, 84], "slow": [84, 126], "top": [2, 3]}


def test_the_score_is_that_of_the_search() -> None:
    searching, found = around()
    pool = searching.pool([found.base, *searching.space.grid()])
    scores = searching.scores(pool, LAST)
    for row in found.rows.itertuples():
        one = searching.space.parameters(found.base.model_dump() | {row.parameter: row.value})
        if one is not None:
            assert row.score == scores.raw[0, pool.places[one]]


def test_the_bases_own_value_stands_among_the_others_where_the_space_lacks_it() -> None:
    _, found = around(parameters={"fast": [42, 84]}, fast=63)
    mine = found.rows[found.rows["parameter"] == "fast"]
    assert mine["value"].tolist() == [42, 63, 84]
    assert mine["is_base"].tolist() == [False, True, False]


def test_a_set_that_is_forbidden_is_told_without_figures() -> None:
    _, found = around(slow=84)
    forbidden = found.rows[found.rows["sharpe"].isna()]
    assert forbidden[["parameter", "value"]].to_numpy().tolist() == [["fast", 84]]
    assert found.rows.loc[~found.rows["sharpe"].isna(), "difference_error"].notna().all()


def test_nothing_after_the_session_is_seen() -> None:
    assert around()[1].rows.equals(around(with_another_future(PANEL, LAST))[1].rows)


def test_only_sessions_from_the_first_on_count() -> None:
    _, found = around(first=400)
    assert found.begin == 400
    assert not np.allclose(found.rows["sharpe"], around()[1].rows["sharpe"])


def test_what_cannot_be_answered_is_one_message() -> None:
    with pytest.raises(ConfigurationError, match="NOTHING_VARIES"):
        around(parameters={"fast": 42, "slow": 126, "top": 2})
    with pytest.raises(DataError, match="RANGE_TOO_SHORT"):
        around(first=LAST - 50)
