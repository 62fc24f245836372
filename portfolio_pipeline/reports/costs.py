"""What trading has cost beside what the settings say: figures, a page, a picture. Measuring is SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date

import numpy as np
import pandas as pd

from portfolio_pipeline.core.execution.costs import Calibration, calibrate
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline.reads.costs import costs_by_strategy, order_costs
from portfolio_pipeline.reports.pictures import line_picture, simulated
from portfolio_pipeline.reports.tables import aligned

BY_STRATEGY = ("strategy", "orders", "traded", "shortfall", "bps", "but for the delay, bps", "expected, bps")
HEADINGS = ("", "currency", "bps of what was traded", "expected, bps")
_PARTS = ("delay", "spread", "slippage", "fees", "shortfall")


@dataclass(frozen=True)
class StrategyCosts:
    """What a book's parts of orders have cost, in currency; `actual` is all but the delay."""

    strategy: str
    orders: int
    traded: float
    shortfall: float
    actual: float
    expected: float

    def bps(self, amount: float) -> float:
        return 1e4 * amount / self.traded if self.traded else 0.0

    def row(self) -> tuple[str, ...]:
        figures = (self.bps(self.shortfall), self.bps(self.actual), self.bps(self.expected))
        amounts = (f"{self.orders:,}", f"{self.traded:,.2f}", f"{self.shortfall:,.2f}")
        return (self.strategy, *amounts, *(f"{figure:.2f}" for figure in figures))


@dataclass(frozen=True)
class CostsFound:
    """Sums over orders in currency; `expected` is what the settings said of all but the delay."""

    first: date
    last: date
    orders: int
    filled: int
    traded: float
    sums: Mapping[str, float]
    expected: float
    missed: float
    strategies: tuple[StrategyCosts, ...] = ()

    @property
    def actual(self) -> float:
        return self.sums["spread"] + self.sums["slippage"] + self.sums["fees"]

    def bps(self, amount: float) -> float:
        return 1e4 * amount / self.traded if self.traded else 0.0

    def rows(self) -> list[tuple[str, ...]]:
        """A line for each part, and one for what can be compared with what was expected."""
        told: list[tuple[str, float, float | None]] = [(name, self.sums[name], None) for name in _PARTS]
        told.insert(4, ("spread, slippage and fees", self.actual, self.bps(self.expected)))
        return [
            (name, f"{amount:,.2f}", f"{self.bps(amount):.2f}", "" if expected is None else f"{expected:.2f}")
            for name, amount, expected in told
        ]

    def document(self) -> dict[str, object]:
        parts = {name: {"amount": self.sums[name], "bps": self.bps(self.sums[name])} for name in _PARTS}
        compared = {"amount": self.actual, "bps": self.bps(self.actual), "expected_bps": self.bps(self.expected)}
        whole = {"first": self.first, "last": self.last, "orders": self.orders, "filled": self.filled}
        books = [asdict(one) for one in self.strategies]
        told = {**whole, "traded": self.traded, **parts, "compared": compared}
        return {**told, "missed": self.missed, "strategies": books}


def found_costs(warehouse: Warehouse, first: date | None = None) -> CostsFound:
    with warehouse.reading() as reader:
        rows = order_costs(reader, first)
        books = costs_by_strategy(reader, first)
    sums = rows[[*_PARTS, "traded", "expected", "missed"]].sum()
    days = pd.to_datetime(rows["session"])
    return CostsFound(
        days.min().date(),
        days.max().date(),
        len(rows),
        int((rows["shares"] > 0).sum()),
        float(sums["traded"]),
        {name: float(sums[name]) for name in _PARTS},
        float(sums["expected"]),
        float(sums["missed"]),
        tuple(
            StrategyCosts(
                *(str(row["strategy"]), int(row["orders"]), float(row["traded"]), float(row["shortfall"])),
                float(row["spread"] + row["slippage"] + row["fees"]),
                float(row["expected"]),
            )
            for row in books.to_dict("records")
        ),
    )


def calibrated(warehouse: Warehouse, settings: Settings, first: date | None = None) -> Calibration:
    with warehouse.reading() as reader:
        rows = order_costs(reader, first)
    return calibrate(rows, settings.costs, settings.simulated_broker)


def title(found: CostsFound) -> str:
    return f"{found.filled:,} of {found.orders:,} orders were executed, {found.first} to {found.last}"


def calibration_rows(found: Calibration) -> list[tuple[str, str, str]]:
    """Key, what is set, what was measured."""
    pairs = [
        (f"costs.{name}", getattr(found.now, name), getattr(found.costs, name)) for name in type(found.now).model_fields
    ]
    pairs.append(("simulated_broker.impact_bps", found.impact_now, found.impact_bps))
    return [(key, f"{now:g}", f"{measured:g}") for key, now, measured in pairs]


def markdown_page(found: CostsFound, calibration: Calibration | str) -> str:
    """With the calibration, or why there is none."""
    parts = [f"{title(found)}.", aligned(HEADINGS, found.rows(), right=(False, True, True, True))]
    parts.append(f"What was not executed would have earned {found.missed:,.2f} until the close of its session.")
    parts.append(aligned(BY_STRATEGY, [one.row() for one in found.strategies], right=(False, *(True,) * 6)))
    if isinstance(calibration, str):
        return "\n\n".join([*parts, calibration])
    table = aligned(("Setting", "now", "measured"), calibration_rows(calibration), right=(False, True, True))
    return "\n\n".join([*parts, table, *calibration.notes, f"```yaml\n{calibration.lines}```"])


def costs_picture(rows: pd.DataFrame, origin: Sequence[str]) -> str:
    """Of the mart by session: all of it and its parts, and what was expected of all but the delay, summed up."""
    ordered = rows.sort_values("session")
    sums = {name: ordered[column].to_numpy(float).cumsum() for name, column in _DRAWN.items()}
    days = pd.to_datetime(ordered["session"]).to_numpy()
    title = simulated("What carrying out orders has cost so far, currency", origin)
    return line_picture(title, np.asarray(days, dtype="datetime64[D]"), sums)


_DRAWN = {
    "shortfall": "shortfall",
    "spread, slippage, fees": "actual",
    "expected of these": "expected",
    "delay": "delay",
}
