"""The names of the market regimes; the rules that tell them apart are in `regimes`."""

from __future__ import annotations

REGIMES = ("bull_quiet", "bull_volatile", "bear_quiet", "bear_volatile", "transition", "crisis")
