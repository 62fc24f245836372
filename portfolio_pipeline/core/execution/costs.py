"""What trading is expected to cost, kept with each ticket when it is planned; and what the settings would have to say
for it to be what was measured. Pure.

Measuring is SQL (the mart `execution_costs`). Costs are hundredths of a percent of what is traded. The law is that of
the simulated market: half a spread, slippage, and an impact that grows with the square root of the share of the volume.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from portfolio_pipeline.core.books.book import to_shares
from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.core.execution.settings import Costs, SimulatedBroker, TradingTerms
from portfolio_pipeline.core.execution.tickets import Ticket, TimeInForce
from portfolio_pipeline.core.market.recent import RecentMarket
from portfolio_pipeline.core.tables import EXPECTED_COSTS

FEWEST_ORDERS = 30
_ROUNDS, _HUBER = 100, 1.345
_CERTAIN = 2.0  # standard errors that an impact has to be above nothing to be believed


def expected_costs(tickets: Iterable[Ticket], terms: TradingTerms, recent: RecentMarket) -> list[tuple[object, ...]]:
    """Rows of the table expected_costs, at the average volume of the sessions before; without one, no impact."""
    costs, impact = terms.costs, terms.simulated_broker.impact_bps
    rows: list[tuple[object, ...]] = []
    for ticket in tickets:
        volume = recent.average_volume(ticket.symbol)
        share = to_shares(abs(ticket.quantity)) / volume if volume else 0.0
        spread = costs.half_spread_bps if ticket.time_in_force is TimeInForce.DAY else 0.0
        own = (spread, costs.slippage_bps, impact * math.sqrt(share), costs.commission_bps)
        rows.append((ticket.session, ticket.client_order_id, *own))
    return rows


def expected_cost_rows(rows: Iterable[tuple[object, ...]]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=list(EXPECTED_COSTS.column_names))


@dataclass(frozen=True)
class Calibration:
    """What the settings would have to say, with standard errors, and from how many orders; what they say now."""

    orders: int
    costs: Costs
    impact_bps: float
    base_error: float
    impact_error: float
    notes: tuple[str, ...]
    now: Costs
    impact_now: float

    @property
    def lines(self) -> str:
        """The lines of portfolio.yaml."""
        return (
            "costs:\n"
            f"  commission_bps: {self.costs.commission_bps:g}\n"
            f"  half_spread_bps: {self.costs.half_spread_bps:g}\n"
            f"  slippage_bps: {self.costs.slippage_bps:g}\n"
            "simulated_broker:\n"
            f"  impact_bps: {self.impact_bps:g}\n"
        )


def calibrate(orders: pd.DataFrame, costs: Costs, market: SimulatedBroker) -> Calibration:
    """From rows of the mart `execution_costs`, robustly: a few orders in a market gone wild decide nothing.

    Only orders that had to take the price they got tell what it costs: those at market. In what way half spread and
    slippage share what does not depend on size cannot be seen in orders for the day alone; then it stays as it is set.
    """
    rows = orders[(orders["shares"] > 0) & (orders["order_type"] == "market")]
    if len(rows) < FEWEST_ORDERS:
        raise DataError(
            "TOO_FEW_ORDERS",
            found=f"{len(rows)} orders at market that were executed",
            expected=f"{FEWEST_ORDERS} or more",
            remedy="Costs of a few orders say nothing. Wait for more, or begin earlier with --from.",
        )
    arrival = rows["arrival_price"].to_numpy(float) * rows["shares"].to_numpy(float)
    paid = 1e4 * (rows["spread"] + rows["slippage"]).to_numpy(float) / arrival
    size = np.sqrt(rows["volume_share"].to_numpy(float))
    notes: list[str] = []
    known = np.isfinite(size)
    base, impact, errors = math.nan, market.impact_bps, (math.nan, math.nan)
    if known.sum() >= FEWEST_ORDERS and np.ptp(size[known]) > 0:
        fitted, found = _robust_line(size[known], paid[known])
        if fitted[1] > 0 and fitted[1] >= _CERTAIN * found[1]:
            base, impact, errors = fitted[0], fitted[1], found
    if math.isnan(base):
        notes.append("The impact cannot be told from these orders: it stays as it is set.")
        rest = paid - impact * np.where(known, size, 0.0)
        fitted, found = _robust_line(np.zeros(len(rest)), rest)
        base, errors = fitted[0], (found[0], math.nan)
    if base < 0:
        notes.append("Prices were better than the market's on average: spread and slippage are taken for nothing.")
    base = max(base, 0.0)
    fixed = costs.half_spread_bps + costs.slippage_bps
    part = costs.half_spread_bps / fixed if fixed else 0.5
    if fixed:
        notes.append(
            f"Half spread and slippage share what they are together as they are set, {part:.0%} and {1 - part:.0%}."
        )
    commission = 1e4 * float(rows["fees"].sum()) / float(rows["traded"].sum())
    measured = Costs(
        commission_bps=_figures(commission),
        half_spread_bps=_figures(base * part),
        slippage_bps=_figures(base * (1 - part)),
    )
    return Calibration(
        len(rows), measured, _figures(impact), errors[0], errors[1], tuple(notes), costs, market.impact_bps
    )


def _figures(found: float) -> float:
    """As exact as it can be meant."""
    return float(f"{found:.3g}")


def _robust_line(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
    """Base and slope by Huber's weights, beginning with the median, and their standard errors.

    Without any spread of `x` the slope is nothing. NaN does not come in.
    """
    design = np.column_stack([np.ones(len(x)), x]) if np.ptp(x) > 0 else np.ones((len(x), 1))
    found = np.array([np.median(y), 0.0])[: design.shape[1]]
    least = 1e-9 * float(np.abs(y).max())  # where most lie on the line, the others are all the farther from it
    for _ in range(_ROUNDS):
        residuals = y - design @ found
        scale = max(1.4826 * float(np.median(np.abs(residuals - np.median(residuals)))), least)
        weights = np.minimum(1.0, _HUBER * scale / np.maximum(np.abs(residuals), 1e-300))
        weighted = design * weights[:, None]
        before, found = found, np.linalg.lstsq(weighted.T @ design, weighted.T @ y, rcond=None)[0]
        if np.allclose(before, found, rtol=1e-10, atol=1e-12):
            break
    residuals = y - design @ found
    within = (weights >= 1.0)[:, None]  # what is farther out pulls as hard wherever it is
    bread = np.linalg.pinv((design * within).T @ design)
    meat = design * (weights * residuals)[:, None]
    errors = np.sqrt(np.maximum(np.diag(bread @ (meat.T @ meat) @ bread), 0.0))
    if len(found) == 1:
        return np.array([found[0], 0.0]), (float(errors[0]), 0.0)
    return found, (float(errors[0]), float(errors[1]))
