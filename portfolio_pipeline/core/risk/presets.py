"""The presets: four sets of figures that hold together, and give its value to every key that the settings leave out.

Data alone. What a key means and which values it takes stands beside what it steers. A row may name a key of any section
of the settings. Fractions, as in portfolio.yaml.

Borrowing nothing, no book of the shipped cards comes near the volatility that a preset aims at: each is scaled up until
`net` stops it. So it is `net` (what is left is cash), the classes, and how capital is shared out that tell the presets
apart: by inverse volatility the calmest strategy would have most of the capital, the more so the larger a share may be.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

Preset = Literal["conservative", "moderate", "aggressive", "institutional"]
PRESETS: tuple[Preset, ...] = get_args(Preset)
DEFAULT: Preset = "moderate"

Figure = float | str
TABLE: Mapping[str, tuple[Figure, Figure, Figure, Figure]] = {
    # One column for each of PRESETS. No leverage above 2: that is what a margin account may carry overnight.
    "limits.gross": (1.0, 2.0, 2.0, 1.5),
    "limits.net": (0.6, 1.0, 1.0, 0.8),
    "limits.asset_class.equity": (0.40, 0.70, 1.00, 0.50),
    "limits.asset_class.bond": (0.60, 0.70, 1.00, 0.60),
    "limits.asset_class.commodity": (0.15, 0.35, 0.50, 0.20),
    "limits.asset_class.real_estate": (0.10, 0.25, 0.40, 0.15),
    "limits.drawdown": (0.10, 0.15, 0.25, 0.12),
    "limits.strategy_drawdown": (0.07, 0.10, 0.18, 0.08),
    "limits.volatility": (0.12, 0.25, 0.35, 0.15),
    "limits.value_at_risk": (0.015, 0.025, 0.04, 0.015),
    "limits.symbol": (0.07, 0.10, 0.20, 0.05),
    "limits.top_five": (0.30, 0.40, 0.60, 0.30),
    "limits.sector": (0.25, 0.35, 0.50, 0.25),
    "limits.strategy_symbol": (0.05, 0.35, 0.50, 0.10),
    "limits.strategy_gross": (1.0, 1.5, 2.0, 1.0),
    "limits.strategy_positions": (20, 30, 50, 40),
    "limits.correlation_alert": (0.60, 0.70, 0.80, 0.65),
    "limits.correlation": (0.70, 0.80, 0.90, 0.75),
    "limits.diversification": (1.3, 1.2, 1.0, 1.3),
    "limits.position_stop": (0.08, 0.12, 0.20, 0.10),
    "responses.recovery": (0.03, 0.05, 0.08, 0.04),
    "allocation.method": ("inverse_volatility", "inverse_volatility", "equal", "inverse_volatility"),
    "allocation.volatility_target": (0.10, 0.20, 0.28, 0.12),
    "allocation.minimum": (0.05, 0.05, 0.10, 0.05),
    "allocation.maximum": (0.25, 0.30, 0.50, 0.25),
}


def figures(preset: Preset) -> dict[str, Figure]:
    """What the preset says of each key, as `section.key` or `section.key.class`."""
    place = PRESETS.index(preset)
    return {key: values[place] for key, values in TABLE.items()}


def filled(written: Mapping[str, Any]) -> dict[str, Any]:
    """What is written in the settings, and the preset's figures where a key of a section is not. Whoever writes a limit
    of one class writes those of all: what no limit names may not be held.

    A preset that nobody knows, and a section that is none, are left for whoever reads the settings to refuse.
    """
    document, preset = dict(written), written.get("preset", DEFAULT)
    if preset not in PRESETS:
        return document
    for key, value in figures(preset).items():
        section, name, *part = key.split(".")
        own, said = document.get(section, {}), written.get(section, {})
        if not isinstance(own, Mapping) or name in said:
            continue
        document[section] = {**own, name: {**own.get(name, {}), part[0]: value} if part else value}
    return document
