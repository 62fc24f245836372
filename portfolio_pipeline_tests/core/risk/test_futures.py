"""Paths by block bootstrap: what they are made of, how wide they are, what is told of them, and how long it takes."""

from __future__ import annotations

from time import process_time

import numpy as np
import pandas as pd
import pytest

from portfolio_pipeline.core.risk.futures import BLOCK, HORIZONS, PATHS, futures, risk_futures
from portfolio_pipeline.core.risk.measures.rows import seen_range
from portfolio_pipeline.core.risk.settings import Limits
from portfolio_pipeline_tests.core.risk.books import CLASSES, book, seen, shortened


def test_a_past_without_noise_has_one_future() -> None:
    grown, fallen = futures(np.full(400, 0.001), 0.0, 1)
    np.testing.assert_allclose(grown, np.repeat([[1.001**horizon] for horizon in HORIZONS], PATHS, axis=1), rtol=1e-12)
    assert (fallen == 0).all()


def test_paths_are_made_of_blocks_of_the_past_in_a_row() -> None:
    """Gains that come only after a loss of the same size never come alone: the blocks keep the order."""
    past = np.tile([*[0.0] * (BLOCK - 2), -0.02, 1 / 0.98 - 1], 30)
    grown, _ = futures(past, 0.0, 7)
    assert grown[-1].max() < 1.35  # blocks cut a pair in two at their ends alone
    assert np.median(np.abs(np.log(grown[-1]))) < 0.05


def test_bands_are_as_wide_as_the_past_is_noisy() -> None:
    past = np.random.default_rng(1).normal(0.0, 0.01, 1_260)
    grown, fallen = futures(past, 0.0, 3)
    deviation = np.log(grown[-1]).std()
    assert deviation == pytest.approx(0.01 * np.sqrt(252), rel=0.15)
    assert (np.diff(fallen, axis=0) <= 0).all()  # what has fallen has fallen


def test_drawdowns_go_on_from_where_they_stand() -> None:
    past = np.random.default_rng(2).normal(0.0003, 0.005, 500)
    fresh, under_water = futures(past, 0.0, 5)[1], futures(past, -0.08, 5)[1]
    assert (under_water <= -0.08).all()
    assert (under_water <= fresh + 1e-12).all()


def test_rows_are_those_of_the_last_session_and_the_same_whichever_run_asks() -> None:
    history = book(420, 60)
    at_once = risk_futures(seen_range(history, 60, CLASSES, Limits()))
    alone = risk_futures(seen_range(shortened(history, 0, 60), 1, CLASSES, Limits()))
    pd.testing.assert_frame_equal(at_once, alone, check_exact=True)
    assert set(at_once["session"]) == {pd.Timestamp(history.panel.sessions[-1])}
    bands = at_once[[f"return_p{band}" for band in ("05", "25", "50", "75", "95")]].to_numpy()
    assert (np.diff(bands, axis=1) > 0).all()
    depths = at_once[[f"drawdown_{depth}" for depth in ("05", "10", "15", "20", "25")]].to_numpy()
    assert (np.diff(depths, axis=1) <= 0).all()
    assert (np.diff(depths, axis=0) >= 0).all()
    earlier = risk_futures(seen_range(shortened(history, 20, 60), 1, CLASSES, Limits()))
    assert not np.array_equal(earlier["return_p50"], at_once["return_p50"])


def test_a_past_of_less_than_a_year_has_no_futures() -> None:
    assert risk_futures(seen(200, 10)).empty


def test_a_thousand_years_take_less_than_a_third_of_a_second() -> None:
    one = seen(1_500, 5)
    risk_futures(one)  # compiled
    started = process_time()
    risk_futures(one)
    assert process_time() - started < 0.3
