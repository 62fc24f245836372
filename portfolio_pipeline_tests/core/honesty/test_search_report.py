"""The figures of search_statistics: from the tested parts, NaN where not known, the same in any range."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from portfolio_pipeline.core.honesty import (
    CombinatorialFolds,
    cross_validate,
    overfitting_splits,
    promotion_folds,
    search_statistics,
)
from portfolio_pipeline.core.tables import SEARCH_STATISTICS

WINDOW, BLOCKS, SESSIONS, TRIALS = 60, 6, 200, 12
FOLDS = CombinatorialFolds(4, 2, purge=1, embargo=3)
DAYS = np.busday_offset("2020-01-20", np.arange(SESSIONS), roll="forward")
ROWS = np.arange(SESSIONS)
CHOSEN = ROWS // 7 % TRIALS


def trials(seed: int = 1, sessions: int = SESSIONS, count: int = TRIALS) -> np.ndarray:
    generator = np.random.default_rng(seed)
    market = generator.normal(0.0, 0.01, (sessions, 1))
    return market + generator.normal(0.0005, 0.004, (sessions, count))


def statistics(returns: np.ndarray, rows: np.ndarray = ROWS, **changes: object) -> dict[str, np.ndarray]:
    options = {"window": WINDOW, "blocks": BLOCKS, "candidate_folds": FOLDS, "days": DAYS[: len(returns)], "begin": 9}
    return search_statistics(returns, CHOSEN[rows], rows, **(options | changes))  # type: ignore[arg-type]


def test_the_figures_are_the_columns_of_the_table() -> None:
    columns = [name for name in SEARCH_STATISTICS.column_names if name not in ("session", "strategy")]
    assert list(statistics(trials())) == columns


def test_each_figure_is_the_published_one_on_the_window_that_ends_with_the_session() -> None:
    measures = pytest.importorskip("skfolio.measures")
    returns = trials()
    found = statistics(returns)
    for row in (9 + WINDOW - 1, 130, SESSIONS - 1):
        past = returns[row + 1 - WINDOW : row + 1]
        sharpes = past.mean(axis=0) / past.std(axis=0, ddof=1)
        mine = past[:, CHOSEN[row]]
        assert found["sharpe"][row] == pytest.approx(sharpes[CHOSEN[row]], rel=1e-10)
        assert found["deflated_sharpe_true_trials"][row] == pytest.approx(
            measures.deflated_sharpe_ratio(mine, sharpes), rel=1e-9
        )
        assert found["deflated_sharpe"][row] == pytest.approx(
            measures.probabilistic_sharpe_ratio(mine, found["expected_maximum"][row]), rel=1e-9
        )
        splits = overfitting_splits(past, blocks=BLOCKS)
        assert found["overfitting"][row] == pytest.approx(splits.probability, abs=1e-12)
        assert found["loss"][row] == pytest.approx((splits.future_sharpe <= 0).mean(), abs=1e-12)
    assert (found["trials"] == TRIALS).all()


def test_before_a_full_window_nothing_is_known_but_the_number_of_trials() -> None:
    found = statistics(trials())
    known = ~np.isnan(pd.DataFrame(found).drop(columns=["trials", "path_loss"]))
    assert not known[: 9 + WINDOW - 1].to_numpy().any()
    assert known[9 + WINDOW - 1 :].to_numpy().all()


def test_cross_validation_is_that_of_the_first_session_of_the_month() -> None:
    returns = trials()
    found = pd.Series(statistics(returns)["path_loss"], index=pd.DatetimeIndex(DAYS))
    assert found.loc["2020-01":"2020-03-31"].isna().all()  # 4 folds of at least 7 sessions begin after row 9
    for month in ("2020-05", "2020-08", "2020-10"):
        first = int(np.flatnonzero(found.index >= pd.Timestamp(month))[0])
        expected = cross_validate(returns[9 : first + 1], FOLDS).loss_probability
        assert (found.loc[month] == expected).all()
    assert found.max() > found.min()


def test_a_range_gives_the_bits_of_its_sessions_one_by_one_and_another_future_changes_none() -> None:
    returns = trials()
    at_once = statistics(returns, workers=2)
    other = returns.copy()
    other[151:] = trials(7)[151:]
    for row in (20, 68, 100, 149, 150):
        for known in (returns[: row + 1], returns, other):
            alone = statistics(known, np.array([row]))
            for name, values in alone.items():
                assert values.tobytes() == at_once[name][row : row + 1].tobytes(), name


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("sessions", [1, 5, 30, 90])
@pytest.mark.parametrize("window", [5, 21, 400])
def test_small_pools_short_histories_and_odd_windows_are_no_reason_to_fail(
    count: int, sessions: int, window: int
) -> None:
    found = search_statistics(
        trials(3, sessions, count),
        np.zeros(sessions, dtype=int),
        np.arange(sessions),
        window=window,
        blocks=16,
        candidate_folds=promotion_folds(252),
        days=DAYS[:sessions],
    )
    judged = ~np.isnan(found["deflated_sharpe"])
    assert judged.sum() == (max(0, sessions - window + 1) if window >= 8 else 0)
    assert np.isnan(found["path_loss"]).all()


def test_a_single_trial_was_not_chosen_so_that_choosing_did_neither_harm_nor_good() -> None:
    returns = np.abs(trials(count=1))
    found = search_statistics(returns, np.zeros(SESSIONS, dtype=int), ROWS, window=WINDOW, blocks=BLOCKS)
    assert (found["overfitting"][WINDOW - 1 :] == 0.5).all()
    assert (found["loss"][WINDOW - 1 :] == 0.0).all()
    assert (found["effective_trials"][WINDOW - 1 :] == 1.0).all()


def test_what_holds_nothing_or_is_not_there_has_no_sharpe_ratio() -> None:
    returns = trials()
    returns[:, 0] = 0.0
    flat, nobody = (
        search_statistics(returns, np.full(SESSIONS, column), ROWS, window=WINDOW, blocks=BLOCKS) for column in (0, -1)
    )
    assert np.isnan(flat["sharpe"]).all()
    assert np.isnan(nobody["overfitting"]).all()


def test_the_folds_of_a_candidate_fit_into_two_and_a_half_years() -> None:
    assert promotion_folds(252).fewest_sessions <= 630
    for longest in (1, 40, 252):
        folds = promotion_folds(longest)
        assert len(list(folds.split(folds.fewest_sessions))) == 28
        with pytest.raises(ValueError, match="use up a fold"):
            folds.bounds(folds.fewest_sessions - 1)
