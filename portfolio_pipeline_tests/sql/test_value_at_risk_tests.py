"""The mart value_at_risk_tests against scipy on both engines, and that it tells a right figure from a wrong one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import xlogy

from portfolio_pipeline.core.calendar.sessions import SessionRange, all_sessions
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline.sql_models.run import create_views, project_library

DAYS = all_sessions()[2_000:2_900]


def verdicts(warehouse: Warehouse, at_risk: dict[str, np.ndarray], earned: np.ndarray) -> pd.DataFrame:
    days = np.array(DAYS, dtype="datetime64[s]")
    figures = {**at_risk, "paper_return_1d": earned}
    rows = [
        pd.DataFrame({"session": days, "scope": "portfolio", "metric": metric, "value": values, "limit_value": np.nan})
        for metric, values in figures.items()
    ]
    warehouse.replace("risk_metrics", SessionRange(DAYS[0], DAYS[-1]), pd.concat(rows, ignore_index=True))
    create_views(warehouse, project_library(), ["value_at_risk_tests"])
    return frame(warehouse.query("select * from value_at_risk_tests order by measure, session"))


def ratios(beyond: np.ndarray, chance: float) -> tuple[float, float]:
    """Kupiec's and Christoffersen's, from transitions counted one by one."""
    n, x = len(beyond), int(beyond.sum())
    kupiec = 2 * (xlogy(x, x / n) + xlogy(n - x, 1 - x / n) - xlogy(x, chance) - xlogy(n - x, 1 - chance))
    pairs = np.zeros((2, 2))
    for before, now in zip(beyond[:-1].astype(int), beyond[1:].astype(int), strict=True):
        pairs[before, now] += 1
    rows = pairs / np.maximum(pairs.sum(axis=1, keepdims=True), 1)
    whole = pairs.sum(axis=0) / max(pairs.sum(), 1)
    return float(kupiec), float(2 * (xlogy(pairs, rows).sum() - xlogy(pairs.sum(axis=0), whole).sum()))


def test_it_says_what_scipy_says(warehouse: Warehouse) -> None:
    rng = np.random.default_rng(4)
    earned = rng.standard_t(4, 900) * 0.01 * np.repeat(rng.uniform(0.5, 2.0, 18), 50)
    at_risk = {
        "value_at_risk_95": np.where(np.arange(900) < 60, np.nan, rng.uniform(0.015, 0.02, 900)),
        "value_at_risk_99_parametric": np.full(900, 0.03),
        "value_at_risk_99": np.full(900, 1.0),  # never exceeded
    }
    found = verdicts(warehouse, at_risk, earned)
    assert set(found["measure"]) == set(at_risk)
    for measure, values in at_risk.items():
        mine = found[found["measure"] == measure].reset_index(drop=True)
        beyond = (-earned[1:] > values[:-1])[~np.isnan(values[:-1])]
        chance = 0.05 if "95" in measure else 0.01
        assert mine["sessions"].iloc[-1] == len(beyond)
        for row in (0, 1, 200, len(mine) - 1):
            kupiec, independence = ratios(beyond[: row + 1], chance)
            told = mine.iloc[row]
            assert told["exceedances"] == beyond[: row + 1].sum()
            assert told["kupiec"] == pytest.approx(kupiec, rel=1e-9, abs=1e-9)
            assert told["independence"] == pytest.approx(independence, rel=1e-9, abs=1e-9)
            assert told["kupiec_p"] == pytest.approx(stats.chi2.sf(kupiec, 1), rel=3e-7)
            assert told["independence_p"] == pytest.approx(stats.chi2.sf(max(independence, 0), 1), rel=3e-7)
            both = stats.chi2.sf(kupiec + independence, 2)
            assert told["conditional_coverage_p"] == pytest.approx(both, rel=1e-7)


def test_a_right_figure_holds_and_wrong_ones_are_told(duckdb_warehouse: Warehouse) -> None:
    rng = np.random.default_rng(8)
    earned = rng.normal(0.0, 0.01, 900)
    wild = np.repeat(rng.random(45) < 0.3, 20)
    right = np.full(900, 0.01 * -stats.norm.ppf(0.05))
    at_risk = {
        "value_at_risk_95": right,
        "value_at_risk_95_parametric": right * 0.6,
        "value_at_risk_95_cornish_fisher": right * 1.6,
        "value_at_risk_99": np.where(wild, -stats.norm.ppf(0.03) * 0.01, 0.1),  # all its losses come in some weeks
    }
    found = verdicts(duckdb_warehouse, at_risk, earned).groupby("measure").last()["verdict"]
    assert found["value_at_risk_95"] == "holds"
    assert found["value_at_risk_95_parametric"] == "too low"
    assert found["value_at_risk_95_cornish_fisher"] == "too high"
