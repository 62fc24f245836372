"""Seals of what people have said: a row of order_instructions was written here, and not in the database alone.

Each is keyed with the secret of the home, and covers its row and the seal before it: a row that was edited, put in, or
taken out from among others is found by whoever reads what was said. Keeping the secret is done by an adapter. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from portfolio_pipeline.core.errors import LimitError
from portfolio_pipeline.core.execution.by_hand.instructions import Instruction, Instructions
from portfolio_pipeline.core.sealing import chained, same

SEALED = "instructions.sealed"
"""The file in the home that says with which secret its instructions are sealed."""


def seals_after(key: bytes, before: str, said: Iterable[Instruction]) -> list[str]:
    """The seals of what is said, one after the other; `before` is the seal of the word before, or nothing."""
    told: list[list[object]] = [
        [
            *("instruction", one.number, one.kind, str(one.session), one.strategy, one.symbol, one.quantity),
            *(one.limit_price, one.order, one.withdraws, one.why, one.who, one.made_at.isoformat()),
        ]
        for one in said
    ]
    return chained(key, before, told)


def sealed(key: bytes, rows: Sequence[Mapping[str, Any]]) -> Instructions:
    """What the rows say; refused where one of them was not written here."""
    said = Instructions.of_rows(rows)
    stored = {row["instruction_id"]: row["seal"] or "" for row in rows}
    before = ""
    for one in said.said:
        [expected] = seals_after(key, before, [one])
        before = stored[one.number]
        if not same(expected, before):
            raise LimitError(
                "INSTRUCTION_ALTERED",
                found=f"order_instructions {one.number}: {one.kind} {one.strategy} {one.symbol}".rstrip(),
                expected="rows as they were written here, and none taken out before it",
                remedy="Nothing is planned or sent by it. Put the rows back as they were; or, if what `portfolio order"
                f" list` shows is meant, remove the file {SEALED} of the home: the next command seals what is there.",
            )
    return said
