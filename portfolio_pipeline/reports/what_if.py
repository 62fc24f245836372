"""What other shares of capital would have brought, from what is stored: read, let the core follow them, show.

Here: what is compared with what, tables and pictures of it. Not here: how shares are found and what they bring
(`core.portfolio`), what may be asked for (`core.portfolio.asked`). Nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from portfolio_pipeline.core.arrays import Array, long, spread, spreading
from portfolio_pipeline.core.backtest.request import BacktestRequest, range_of
from portfolio_pipeline.core.calendar.sessions import SessionRange, as_days
from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.core.market.made_up import any_made_up
from portfolio_pipeline.core.portfolio.allocation.possible import require_possible
from portfolio_pipeline.core.portfolio.asked import methods_asked, settings_asked, shares_asked
from portfolio_pipeline.core.portfolio.what_if import FIGURES, Earned, Way, followed, way
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.core.tables import STRATEGY_RETURNS, STRATEGY_WEIGHTS
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import Reader, Warehouse
from portfolio_pipeline.reads.capital import capital_before, known_of_capital
from portfolio_pipeline.reads.state import sources
from portfolio_pipeline.reports.page import html_table, image, markdown, paragraphs, whole_page, written
from portfolio_pipeline.reports.pictures import equity_picture, stacked_picture

PRESENT = "as it was decided"
NOTE = (
    "On paper: without the book's scale, its limits, risk states and netting; costs of moving capital are counted, of"
    " all that a strategy holds. Whoever picks a way after looking at these figures knows more than its shares did."
)
_PERCENT = ("annual_return", "volatility", "max_drawdown", "in_cash")
Tell = Callable[[str, int, int], None]


@dataclass(frozen=True)
class WhatIf:
    """What is asked: methods, settings as `name=value`, shares as `a=0.3,b=0.2`, and between which days."""

    methods: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    shares: str = ""
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True, eq=False)
class WhatIfReport:
    """Ways side by side, the present one first."""

    sessions: SessionRange
    sources: tuple[str, ...]
    ways: tuple[Way, ...]

    @property
    def title(self) -> str:
        made_up = "SIMULATED · " if any_made_up(self.sources) else ""
        return f"{made_up}Shares of capital, {self.sessions.first} to {self.sessions.last}"


def what_if(
    warehouse: Warehouse,
    settings: Settings,
    cards: Sequence[StrategyCard],
    asked: WhatIf,
    tell: Tell = lambda label, done, of: None,
) -> WhatIfReport:
    """The present shares, and those of each method that is asked for (that of the settings without one)."""
    names = tuple(card.name for card in cards)
    allocation, rebalancing = settings_asked(settings.allocation, settings.rebalancing, asked.changed)
    by_label: dict[str, dict[str, Any]] = {name: {"method": name} for name in methods_asked(asked.methods)}
    if asked.shares:
        by_label[asked.shares] = {"method": "static", "static": shares_asked(asked.shares, names)}
    by_label = by_label or {", ".join(asked.changed) or "the settings": {}}
    tried = {label: allocation.model_copy(update=update) for label, update in by_label.items()}
    for one in tried.values():
        require_possible(names, [card.name for card in cards if card.stage == "active"], one)
    cost = settings.costs.total
    ways: list[Way] = []
    with warehouse.reading() as reader:
        sessions = range_of(BacktestRequest(asked.first, asked.last), _stored(reader))
        before = capital_before(reader, sessions.first, names)
        stored, earned = _present(reader, sessions, names), _earned(reader, sessions, names)
        known = {
            label: known_of_capital(
                reader,
                sessions,
                settings.model_copy(update={"allocation": one, "rebalancing": rebalancing}),
                cards,
            )
            for label, one in tried.items()
        }
        origin = sources(reader, sessions.last)
    held = np.array([(before.shares or {}).get(name, 0.0) for name in names])
    begins = stored[0] if before.shares is None else held  # the first session of all cost nobody a move
    ways.append(way(PRESENT, names, stored, begins, earned, cost))
    for label, one in tried.items():
        told = lambda done, of, label=label: tell(label, done, of)  # noqa: E731
        shares, refused = followed(known[label], one, rebalancing, cost, before, told)
        start = shares[0] if before.shares is None else held
        ways.append(way(label, names, shares, start, earned, cost, refused))
    return WhatIfReport(sessions, origin, tuple(ways))


def figures_table(report: WhatIfReport) -> pd.DataFrame:
    """A row for each way: figures, then the shares at the end."""
    rows = []
    for one in report.ways:
        row = {"": one.label}
        for name in FIGURES:
            row[name.replace("_", " ")] = _written(name, one.figures[name])
        row |= {name: f"{share:.1%}" for name, share in zip(one.strategies, one.shares[-1].tolist(), strict=True)}
        rows.append(row)
    return pd.DataFrame(rows)


def markdown_page(report: WhatIfReport) -> str:
    """Figures, growth of all ways, and the shares of the first that is not the present."""
    upright = figures_table(report).set_index("").T.reset_index(names=f"{report.title}")
    parts = [markdown(upright), f"*{NOTE}*", *pictures(report)]
    return "\n\n".join(parts)


def pictures(report: WhatIfReport) -> list[str]:
    days, shown = as_days(tuple(report.sessions)), report.ways
    drawn = [equity_picture(report.title, days, {one.label: one.grown for one in (*shown[1:], shown[0])})]
    for one in (shown[0], shown[1]):
        parts = {name: one.shares[:, place] for place, name in enumerate(one.strategies)}
        drawn.append(stacked_picture(f"{report.title}: {one.label}", days, parts))
    return drawn


def write_folder(report: WhatIfReport, folder: Path) -> list[Path]:
    """what_if.html with everything in it, and the shares of every session as shares.csv."""
    days = as_days(tuple(report.sessions))
    each = [long(days, one.strategies, by="strategy", weight=one.shares).assign(way=one.label) for one in report.ways]
    parts = [
        html_table(figures_table(report).set_index("").T.reset_index(names="")),
        paragraphs([NOTE]),
        *map(image, pictures(report)),
    ]
    return written(
        folder,
        {"what_if.html": whole_page(report.title, parts), "shares.csv": pd.concat(each).to_csv(index=False)},
    )


def document(report: WhatIfReport) -> dict[str, Any]:
    """As the help of the command says it."""
    return {
        "simulated": any_made_up(report.sources),
        "first": report.sessions.first,
        "last": report.sessions.last,
        "ways": [
            {
                "label": one.label,
                **one.figures,
                "shares": dict(zip(one.strategies, one.shares[-1].tolist(), strict=True)),
            }
            for one in report.ways
        ],
    }


def _written(name: str, value: float) -> str:
    if np.isnan(value):
        return ""
    if name in _PERCENT:
        return f"{value:.1%}"
    return f"{value:.3%}" if name == "cost" else f"{value:.2f}" if name in ("sharpe", "turnover") else f"{value:,.0f}"


def _stored(reader: Reader) -> SessionRange:
    first, last = reader.oldest(STRATEGY_WEIGHTS.name), reader.newest(STRATEGY_WEIGHTS.name)
    if first is None or last is None:
        raise DataError("STRATEGY_WEIGHTS_MISSING", found="none", remedy="Compute some first: portfolio up.")
    return SessionRange(first, last)


def _present(reader: Reader, sessions: SessionRange, names: Sequence[str]) -> Array:
    """What was decided, as every other way is: before risk states took anything of it."""
    rows = frame(reader.read(STRATEGY_WEIGHTS.name, sessions, columns=["session", "strategy", "unresponded_weight"]))
    return spread(rows, "unresponded_weight", as_days(tuple(sessions)), names, by="strategy", missing=0.0)


def _earned(reader: Reader, sessions: SessionRange, names: Sequence[str]) -> Earned:
    columns = ["session", "strategy", "net_return", "cash_return"]
    rows = frame(reader.read(STRATEGY_RETURNS.name, sessions, columns=columns))
    over = spreading(rows, as_days(tuple(sessions)), names, by="strategy")
    cash = over("cash_return", np.nan)
    known = ~np.isnan(cash)
    mean = np.where(known, cash, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return Earned(over("net_return", np.nan), mean)
