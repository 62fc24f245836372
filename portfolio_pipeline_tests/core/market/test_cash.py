"""What cash earns: a rate over calendar days, or a symbol's return one session later; never from the future."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from portfolio_pipeline.core.calendar.sessions import as_days, next_session, sessions_between
from portfolio_pipeline.core.market.cash import above_cash, cash_rows
from portfolio_pipeline.core.market.panel import TotalReturnPanel

SESSIONS = sessions_between(date(2023, 1, 3), date(2023, 12, 29))


def panel(closes: np.ndarray) -> TotalReturnPanel:
    days = as_days(SESSIONS[: len(closes)])
    return TotalReturnPanel(days, ("SPY", "SHY"), closes.copy(), closes)


def closes(seed: int = 3) -> np.ndarray:
    found = 50.0 * np.cumprod(1.0 + np.random.default_rng(seed).normal(0, 0.01, (len(SESSIONS), 2)), axis=0)
    found[[40, 41, 90], 1] = np.nan
    return found


def test_a_rate_of_a_year_is_what_a_year_of_days_brings_weekends_and_holidays_included() -> None:
    rows = cash_rows(panel(closes()), 0.05, 0)
    days = (next_session(SESSIONS[-1]) - SESSIONS[0]).days
    assert (1.0 + rows["cash_return"]).prod() == pytest.approx(1.05 ** (days / 365), rel=1e-12)
    friday = rows.loc[rows["session"] == pd.Timestamp("2023-01-06"), "cash_return"].item()
    tuesday = rows.loc[rows["session"] == pd.Timestamp("2023-01-03"), "cash_return"].item()
    assert friday == pytest.approx(1.05 ** (3 / 365) - 1)
    assert tuesday == pytest.approx(1.05 ** (1 / 365) - 1)


def test_a_symbol_brings_its_return_over_the_session_and_nothing_where_it_has_no_bar() -> None:
    made = closes()
    rows = cash_rows(panel(made), "SHY", 0)
    expected = pd.Series(made[:, 1]).ffill().pct_change().fillna(0.0)
    np.testing.assert_allclose(rows["cash_return"], expected, atol=1e-15)


@pytest.mark.parametrize("rate", [0.03, "SHY"])
def test_a_part_of_the_sessions_and_another_future_give_the_same_bits(rate: float | str) -> None:
    made, other = closes(), closes()
    other[120:] *= np.random.default_rng(5).uniform(0.5, 2.0, other[120:].shape)
    whole = cash_rows(panel(made), rate, 0)
    pd.testing.assert_frame_equal(cash_rows(panel(made), rate, 100), whole[100:].reset_index(drop=True))
    pd.testing.assert_frame_equal(cash_rows(panel(other), rate, 0)[:120], whole[:120])


def test_what_is_above_cash_is_nothing_for_who_was_in_cash_and_everything_where_cash_earned_nothing() -> None:
    cash = np.array([0.0001, -0.0002, 0.0])
    np.testing.assert_array_equal(above_cash(cash * (1.0 + 1e-12), cash), np.zeros(3))
    returns = np.array([0.02, -0.5, 0.01])
    np.testing.assert_allclose(1.0 + returns, (1.0 + above_cash(returns, cash)) * (1.0 + cash), rtol=1e-14)
    assert above_cash(returns, np.zeros(3)) is returns
