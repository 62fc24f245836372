"""`portfolio strategy list`: the cards, whether they get capital, and whether their results are believed.

The stage is that of the card, and behind it what the rule of promotion says where it says another.
"""

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
from portfolio_pipeline.core.tables import Table
from portfolio_pipeline.ports import Reader

_COLUMNS = (Column("Name"), Column("Type"), Column("Stage"), Column("Verdict"), Column("Rebalance"))
_SEPARATOR = "; "  # of reasons in their row


@dataclass(frozen=True)
class Known:
    """A card, and its newest rows of strategy_honesty and strategy_stages, if there are any."""

    card: StrategyCard
    judged: Mapping[str, Any] | None
    placed: Mapping[str, Any] | None = None

    @property
    def verdict(self) -> str | None:
        return None if self.judged is None else str(self.judged["verdict"])

    @property
    def stage(self) -> str:
        """In force, and what the rule of promotion would have it instead."""
        if self.placed is None or self.placed["card_stage"] != self.card.stage:
            return self.card.stage
        stage, rule = self.placed["stage"], self.placed["rule_stage"]
        return stage if stage == rule else f"{stage} ({rule}?)"

    @property
    def reasons(self) -> list[str]:
        return [] if self.judged is None or not self.judged["reasons"] else self.judged["reasons"].split(_SEPARATOR)


def find_strategies(wired: Wiring) -> list[Known]:
    cards = load_cards()
    names = [card.name for card in cards]
    with wired.warehouse.reading() as reader:
        judged, placed = (_newest(reader, one, names) for one in (schemas.STRATEGY_HONESTY, schemas.STRATEGY_STAGES))
    return [Known(card, judged.get(card.name), placed.get(card.name)) for card in cards]


def show_strategies(found: Sequence[Known]) -> None:
    rows = [
        ((one.card.name, one.card.type, one.stage, one.verdict or "-", one.card.rebalance), _style(one))
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
                "evidence": one.judged and one.judged["evidence"],
                "loss_evidence": one.judged and one.judged["loss_evidence"],
                "stage_in_force": one.placed and one.placed["stage"],
                "stage_by_the_rule": one.placed and one.placed["rule_stage"],
            }
            for one in found
        ]
    }


def _style(one: Known) -> str:
    return DOUBTFUL if one.verdict == "doubted" else ""


def _newest(reader: Reader, of: Table, strategies: Sequence[str]) -> dict[str, dict[str, Any]]:
    """By strategy, its row of the newest session there."""
    rows = {}
    for name in strategies:
        newest = reader.newest(of.name, where={"strategy": name})
        if newest is not None:
            rows[name] = reader.read(of.name, SessionRange.single(newest), where={"strategy": name}).to_pylist()[0]
    return rows
