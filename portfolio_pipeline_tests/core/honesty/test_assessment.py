"""The verdict of each session, from what the searches showed and what arrived on paper."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from portfolio_pipeline.core.honesty import assess, evidence_of, promises_in_use
from portfolio_pipeline.core.honesty.judgement import VERDICTS
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline_tests.benchmarks.decisions.belief import Life
from portfolio_pipeline_tests.core.honesty.paper_returns import fat_tails

SESSIONS = 400
SKILLED = np.random.default_rng(5).normal(0.0025, 0.01, SESSIONS)


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


def test_a_strategy_is_unproven_at_first_and_believed_when_enough_has_arrived() -> None:
    found = assess(card(), history(net_return=SKILLED), SESSIONS)
    evidence = evidence_of(SKILLED)
    first = int(np.argmax((evidence.gain >= 8) & (evidence.active >= 50) & (np.arange(SESSIONS) >= 100)))
    assert 100 < first < 300
    assert (found["verdict"].iloc[:first] == "unproven").all()
    assert (found["verdict"].iloc[first:] == "believed").all()
    assert found["reasons"].iloc[30].startswith("SESSIONS_FEW: found=31, limit=50; EVIDENCE_LOW: found=")
    assert found["reasons"].iloc[60].endswith("DEFLATED_SHARPE_UNKNOWN: found=nan, limit=0.9")
    assert found["reasons"].iloc[first] == f"EVIDENCE_OF_GAIN: found={evidence.gain[first]:.4g}, until=1"
    assert found["change"].iloc[first].startswith(f"unproven to believed: evidence of gain {evidence.gain[first]:.4g}")
    assert (found["change"].drop(index=first) == "").all()
    assert found["takes_new_capital"].all()
    np.testing.assert_array_equal(found["evidence"], evidence.gain)
    np.testing.assert_array_equal(found["loss_evidence"], evidence.loss)
    np.testing.assert_array_equal(found["active_sessions"], evidence.active)


def test_doubt_keeps_new_capital_away_only_where_the_card_says_so() -> None:
    rows = history(net_return=-SKILLED)
    reported, kept_away = (assess(card(when_doubted=what), rows, 5) for what in ("report", "no_new_capital"))
    assert (reported["verdict"] == "doubted").all()
    assert reported["takes_new_capital"].all()
    assert not kept_away["takes_new_capital"].any()
    assert kept_away["reasons"].str.match(r"EVIDENCE_OF_LOSS: found=\d+\.?\d*, limit=10, until=2$").all()


def test_the_young_are_doubted_where_choosing_did_harm_and_the_reason_says_until_when() -> None:
    rows = history(overfitting=np.where(np.arange(SESSIONS) < 150, 0.7, 0.55))
    found = assess(card(young_sessions=300), rows, SESSIONS)
    assert (found["verdict"].iloc[:300] == "doubted").mean() > 0.9
    assert found["reasons"].iloc[200] == "OVERFITTING_HIGH: found=0.55, limit=0.6, until=0.5"
    assert not found["reasons"].iloc[300:].str.contains("OVERFITTING").any()
    assert found["change"].iloc[299].startswith("doubted to ")


def test_a_candidate_takes_no_capital_however_sound_and_is_cross_validated_while_young() -> None:
    sound = assess(card("candidate"), history(net_return=SKILLED), 1).iloc[0]
    assert (sound["verdict"], sound["takes_new_capital"]) == ("believed", False)
    losing = history(path_loss=0.6)
    assert "PATH_LOSS_HIGH" in assess(card("candidate", young_sessions=500), losing, 1)["reasons"].iloc[0]
    assert "PATH_LOSS" not in assess(card("candidate"), losing, 1)["reasons"].iloc[0]
    assert "PATH_LOSS" not in assess(card(young_sessions=500), losing, 1)["reasons"].iloc[0]


def test_a_range_gives_the_bits_of_its_sessions_one_by_one() -> None:
    rows = history()
    at_once = assess(card("candidate"), rows, SESSIONS)
    for row in (0, 99, 150, 151, 260, 399):
        alone = assess(card("candidate"), rows.iloc[: row + 1].copy(), 1)
        pd.testing.assert_frame_equal(
            alone, at_once.iloc[[row]].reset_index(drop=True), check_exact=True, check_dtype=False
        )


@pytest.mark.parametrize("sharpe", [-1.0, 0.0, 1.5])
def test_the_benchmark_of_belief_judges_as_the_assets_do(sharpe: float) -> None:
    for returns in fat_tails(np.random.default_rng(6), 3, 1_000, sharpe):
        rows = pd.DataFrame(dict.fromkeys(history().columns, np.nan), index=range(len(returns)))
        rows["session"] = pd.bdate_range("2020-01-06", periods=len(returns)).astype("datetime64[s]")
        rows["changed"], rows["net_return"] = False, returns
        found = assess(StrategyCard.model_validate(card().model_dump() | {"honesty": {}}), rows, len(returns))
        assert [VERDICTS[one] for one in Life.of(returns).verdict] == found["verdict"].tolist()
