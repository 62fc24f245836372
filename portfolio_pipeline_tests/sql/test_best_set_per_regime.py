"""The mart best_set_per_regime against pandas on both engines, over years in which sets and regimes change."""

from __future__ import annotations

import numpy as np
import pandas as pd

from portfolio_pipeline.core.calendar.sessions import SessionRange, all_sessions
from portfolio_pipeline.core.tables import table
from portfolio_pipeline.core.tables.market import REGIMES
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline.sql_models.run import create_views, project_library

DAYS = all_sessions()[2_000:2_800]
STRATEGIES, SETS = ("one", "two"), ('{"fast": 1}', '{"fast": 2}', '{"fast": 3}')
FEWEST = 63


def made_up() -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(7)
    days = pd.DataFrame({"session": np.array(DAYS, dtype="datetime64[s]")})
    regimes = days.assign(regime=np.repeat(rng.choice(REGIMES[:4], 80), 10))
    chosen, paper, found = [], [], []
    for strategy in STRATEGIES:
        mine = days.assign(strategy=strategy)
        chosen.append(mine.assign(parameters=np.repeat(rng.choice(SETS, 40, p=[0.6, 0.35, 0.05]), 20)))
        returns = np.where(rng.random(800) < 0.05, 0.0, rng.normal(0.001, 0.01, 800))
        paper.append(mine.assign(net_return=returns, cash_return=rng.uniform(0.0, 0.0004, 800)).iloc[30:])
        found.append(mine.assign(parameters=rng.choice(SETS, 800), rank=1))
    return {
        "regimes": regimes,
        "optimized_parameters": pd.concat(chosen),
        "strategy_returns": pd.concat(paper),
        "optimization_results": pd.concat(found),
    }


def stored(warehouse: Warehouse, tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    fillers = {"text": "", "double": 0.0, "bigint": 0, "boolean": False}
    for name, rows in tables.items():
        missing = {one.name: fillers[one.type] for one in table(name).columns if one.name not in rows}
        warehouse.replace(name, SessionRange(DAYS[0], DAYS[-1]), rows.assign(**missing))
    create_views(warehouse, project_library(), ["best_set_per_regime"])
    return frame(warehouse.query("select * from best_set_per_regime order by strategy, regime"))


def figures(returns: pd.Series) -> tuple[float, float, float]:
    """Mean, Sharpe ratio a year and its error."""
    ratio = returns.mean() / returns.std()
    return returns.mean(), ratio * 252**0.5, ((1 + ratio**2 / 2) / len(returns) * 252) ** 0.5


def expected(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Session by session, with what was known at the close before."""
    regime = dict(zip(DAYS[1:], tables["regimes"]["regime"], strict=False))
    rows = []
    for strategy in STRATEGIES:
        mine = {name: rows[rows["strategy"] == strategy] for name, rows in tables.items() if "strategy" in rows}
        used = dict(zip(DAYS[1:], mine["optimized_parameters"]["parameters"], strict=False))
        paper = mine["strategy_returns"]
        above = (1 + paper["net_return"]) / (1 + paper["cash_return"]) - 1
        days = [day.date() for day in paper["session"]]
        told = pd.DataFrame(
            {"regime": [regime[day] for day in days], "set": [used[day] for day in days], "r": list(above)}
        )
        search = mine["optimization_results"].assign(regime=tables["regimes"]["regime"].to_numpy())
        for name, part in told.groupby("regime"):
            sets = {text: (*figures(one["r"]), len(one)) for text, one in part.groupby("set") if len(one) >= FEWEST}
            best = max(sets, key=lambda text: sets[text][1] - sets[text][2]) if sets else None
            of_best = sets[best] if best is not None else (np.nan,) * 4
            counts = search.loc[search["regime"] == name, "parameters"].value_counts()
            mean, sharpe, error = figures(part["r"])
            rows.append(
                {
                    "strategy": strategy,
                    "regime": name,
                    "sessions": len(part),
                    "mean_return": mean,
                    "mean_return_error": part["r"].std() / len(part) ** 0.5,
                    "sharpe": sharpe,
                    "sharpe_error": error,
                    "best_parameters": best,
                    "best_sessions": of_best[3],
                    "best_mean_return": of_best[0],
                    "best_sharpe": of_best[1],
                    "best_sharpe_error": of_best[2],
                    "sets": len(sets),
                    "most_found_share": counts.max() / counts.sum(),
                }
            )
    return pd.DataFrame(rows)


def test_it_says_what_a_plain_count_says(warehouse: Warehouse) -> None:
    tables = made_up()
    found, wanted = stored(warehouse, tables), expected(tables)
    assert len(set(wanted["sets"])) > 1
    pd.testing.assert_frame_equal(found[list(wanted)], wanted, check_dtype=False, rtol=1e-9)
    assert (found["session"] == pd.Timestamp(DAYS[-1])).all()


def test_the_regime_told_at_a_close_says_nothing_about_the_session_that_made_it(duckdb_warehouse: Warehouse) -> None:
    tables = made_up()
    before = stored(duckdb_warehouse, tables)
    last = tables["regimes"].index[-1]
    other = tables["regimes"].copy()
    other.loc[last, "regime"] = next(name for name in REGIMES if name != other.loc[last, "regime"])
    after = stored(duckdb_warehouse, tables | {"regimes": other})
    told = [name for name in before if not name.startswith("most_found")]
    pd.testing.assert_frame_equal(after[told], before[told], check_exact=True)
