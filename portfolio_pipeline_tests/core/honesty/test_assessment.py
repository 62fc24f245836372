"""The verdict of each session, from what the searches showed and what arrived on paper."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from portfolio_pipeline.core.honesty import assess, promises_in_use
from portfolio_pipeline.core.strategies.card import StrategyCard

SESSIONS = 400


def card(stage: str = "active", **honesty: object) -> StrategyCard:
    return StrategyCard.model_validate(
        {
            "name": "tested",
            "type": "momentum",
            "description": "for tests",
            "stage": stage,
            "symbols": {"only": ["SPY"]},
            "honesty": {"walk_forward_sessions": 200, "fewest_sessions": 50, **honesty},
        }
    )


def history(**changes: object) -> pd.DataFrame:
    """A strategy that is sound in every way from session 100 on; nothing is known before."""
    generator = np.random.default_rng(5)
    rows = pd.DataFrame(
        {
            "session": pd.bdate_range("2020-01-06", periods=SESSIONS).astype("datetime64[s]"),
            "changed": np.arange(SESSIONS) % 60 == 0,
            "net_return": generator.normal(0.001, 0.01, SESSIONS),
            "sharpe": generator.uniform(0.08, 0.12, SESSIONS),
            "deflated_sharpe": 0.97,
            "overfitting": 0.2,
            "loss": 0.3,
            "path_loss": 0.1,
        }
    )
    rows.loc[:99, ["sharpe", "deflated_sharpe", "overfitting", "loss", "path_loss"]] = np.nan
    return rows.assign(**changes)


def test_the_promise_of_a_set_is_fixed_when_it_is_chosen_and_counts_from_the_next_session() -> None:
    sharpe = np.array([np.nan, np.nan, 0.3, 0.4, 0.5, 0.6, np.nan, 0.8])
    changed = np.array([True, False, False, False, True, False, True, False])
    np.testing.assert_array_equal(
        promises_in_use(sharpe, changed), [np.nan, np.nan, np.nan, 0.3, 0.3, 0.5, 0.5, np.nan]
    )


def test_efficiency_is_what_arrived_over_what_had_been_promised_before() -> None:
    rows = history()
    found = assess(card(), rows, 1).iloc[0]
    used = rows["sharpe"].where(rows["changed"]).ffill()
    used = used.fillna(rows["sharpe"].bfill().where(rows.index >= 100)).shift()
    arrived = rows["net_return"].iloc[-200:].mean() / rows["net_return"].iloc[-200:].std()
    assert found["promised_sharpe"] == pytest.approx(used.iloc[-200:].mean(), rel=1e-12)
    assert found["arrived_sharpe"] == pytest.approx(arrived, rel=1e-10)
    assert found["efficiency"] == pytest.approx(arrived / used.iloc[-200:].mean(), rel=1e-10)
    assert found["walked_sessions"] == 200


def test_a_strategy_is_unproven_at_first_and_believed_when_everything_is_known_and_sound() -> None:
    found = assess(card(minimum_efficiency=-10), history(), SESSIONS)
    assert (found["verdict"].iloc[:150] == "unproven").all()
    assert (found["verdict"].iloc[151:] == "believed").all()
    assert found["reasons"].iloc[120].startswith("WALK_FORWARD_EFFICIENCY_UNKNOWN")
    assert (found["reasons"].iloc[151:] == "").all()
    assert found["takes_new_capital"].all()


def test_doubt_keeps_new_capital_away_only_where_the_card_says_so() -> None:
    rows = history(deflated_sharpe=0.4)
    reported, kept_away = (assess(card(when_doubted=what), rows, 5) for what in ("report", "no_new_capital"))
    assert (reported["verdict"] == "doubted").all()
    assert reported["takes_new_capital"].all()
    assert not kept_away["takes_new_capital"].any()
    assert kept_away["reasons"].str.contains("DEFLATED_SHARPE_LOW: found=0.4, limit=").all()


def test_a_candidate_takes_no_capital_however_sound_and_is_cross_validated() -> None:
    sound = assess(card("candidate", minimum_efficiency=-10), history(), 1).iloc[0]
    assert (sound["verdict"], sound["takes_new_capital"]) == ("believed", False)
    losing = history(path_loss=0.6)
    assert "PATH_LOSS_HIGH" in assess(card("candidate"), losing, 1)["reasons"].iloc[0]
    assert "PATH_LOSS" not in assess(card(), losing, 1)["reasons"].iloc[0]


def test_a_range_gives_the_bits_of_its_sessions_one_by_one() -> None:
    rows = history()
    at_once = assess(card("candidate"), rows, SESSIONS)
    for row in (0, 99, 150, 151, 260, 399):
        alone = assess(card("candidate"), rows.iloc[: row + 1].copy(), 1)
        pd.testing.assert_frame_equal(
            alone, at_once.iloc[[row]].reset_index(drop=True), check_exact=True, check_dtype=False
        )
