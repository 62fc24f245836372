"""`portfolio strategy list`: the cards, whether they get capital, and whether their results are believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from portfolio_pipeline.adapters.cards import load_cards
from portfolio_pipeline.adapters.wiring import Wiring
from portfolio_pipeline.cli.terminal import DOUBTFUL, Column, facts, say, show, table
from portfolio_pipeline.core import tables as schemas
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.strategies.card import StrategyCard
from portfolio_pipeline.ports import Warehouse

_COLUMNS = (Column("Name"), Column("Type"), Column("Stage"), Column("Verdict"), Column("Rebalance"))
_SEPARATOR = "; "  # of reasons in their row


@dataclass(frozen=True)
class Known:
    """A card, and the row of strategy_honesty of its newest session, if it was judged."""

    card: StrategyCard
    judged: Mapping[str, Any] | None

    @property
    def verdict(self) -> str | None:
        return None if self.judged is None else str(self.judged["verdict"])

    @property
    def reasons(self) -> list[str]:
        return [] if self.judged is None or not self.judged["reasons"] else self.judged["reasons"].split(_SEPARATOR)


def find_strategies(wired: Wiring) -> list[Known]:
    cards = load_cards()
    newest = _newest_verdicts(wired.warehouse, [card.name for card in cards])
    return [Known(card, newest.get(card.name)) for card in cards]


def show_strategies(found: Sequence[Known]) -> None:
    rows = [
        ((one.card.name, one.card.type, one.card.stage, one.verdict or "-", one.card.rebalance), _style(one))
        for one in found
    ]
    show(table(_COLUMNS, rows))
    for one in found:
        symbols = ", ".join(one.card.symbols.asset_classes or one.card.symbols.only)
        say(f"\n{one.card.name} ({symbols}): {one.card.description}")
        if one.judged is not None and one.reasons:
            say(f"{one.verdict} at the close of {one.judged['session']}:", _style(one))
            show(facts([("", reason, _style(one)) for reason in one.reasons]))


def strategies_document(found: Sequence[Known]) -> dict[str, Any]:
    """As the help of the command says it."""
    return {
        "strategies": [
            {
                **{
                    name: getattr(one.card, name)
                    for name in ("name", "type", "stage", "rebalance", "owner", "description")
                },
                "symbols": one.card.symbols.only,
                "asset_classes": one.card.symbols.asset_classes,
                "verdict": one.verdict,
                "reasons": one.reasons,
                "judged_at": one.judged and one.judged["session"],
                "takes_new_capital": one.judged and one.judged["takes_new_capital"],
            }
            for one in found
        ]
    }


def _style(one: Known) -> str:
    return DOUBTFUL if one.verdict == "doubted" else ""


def _newest_verdicts(warehouse: Warehouse, strategies: Sequence[str]) -> dict[str, dict[str, Any]]:
    """By strategy, the row of strategy_honesty of its newest session there."""
    verdicts = {}
    with warehouse.reading() as reader:
        for name in strategies:
            newest = reader.newest(schemas.STRATEGY_HONESTY.name, where={"strategy": name})
            if newest is not None:
                only = SessionRange.single(newest)
                rows = reader.read(schemas.STRATEGY_HONESTY.name, only, where={"strategy": name})
                verdicts[name] = rows.to_pylist()[0]
    return verdicts
