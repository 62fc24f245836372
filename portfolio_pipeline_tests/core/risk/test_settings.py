"""What the settings of limits take, and how they say no."""

from __future__ import annotations

from pathlib import Path

import pytest

from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.risk.settings import Limits
from portfolio_pipeline.core.settings import load_settings

BOOK = "benchmark: AAA\nuniverse:\n  - {symbol: AAA, asset_class: equity, group: g, name: A}\n"


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("symbol: 20", r"limits.symbol: 20 is outside 0 to 2 \(a fraction: did you mean 0.20\?\)"),
        ("asset_class: {bond: 70}", r"limits.asset_class.bond: 70 is outside 0 to 2 .*0.70"),
        ("gross: 0", r"limits.gross: 0 is outside 0 to 4 \(0 itself is outside\)"),
        ("net_minimum: 0.1", r"limits.net_minimum: 0.1 is outside -4 to 0"),
        ("turnover: 5", r"limits.turnover: 5 is outside 0 to 4 .*0.05"),
        ("tolerance: 0.5", r"limits.tolerance: 0.5 is outside 0 to 0.1 .*0.005"),
        ("gross: yes", "limits.gross: Input should be a valid number"),
        ("gross: '1'", "limits.gross: Input should be a valid number"),
        ("gross: .nan", "limits.gross: Input should be a finite number"),
        ("symbl: 0.2", "limits.symbl: Extra inputs are not permitted"),
        ("universe: 0", "limits.universe: Extra inputs are not permitted"),
        ("1: 2", "limits.1: Keys should be strings"),
    ],
)
def test_a_wrong_limit_is_refused_where_it_stands(tmp_path: Path, written: str, told: str) -> None:
    path = tmp_path / "portfolio.yaml"
    path.write_text(f"{BOOK}limits:\n  {written}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=told):
        load_settings(path)


def test_limits_that_are_not_written_have_their_defaults() -> None:
    assert Limits(gross=2).model_dump() == {
        "tolerance": 0.01,
        "symbol": 0.2,
        "asset_class": {"equity": 0.7, "bond": 0.7, "commodity": 0.35, "real_estate": 0.25},
        "gross": 2.0,
        "net": 1.0,
        "net_minimum": 0.0,
        "turnover": 0.5,
    }
