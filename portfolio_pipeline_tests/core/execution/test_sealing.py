"""Seals of what people have said: whatever is done to the rows in the database is found, unless it is at their end."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio_pipeline.core.errors import LimitError
from portfolio_pipeline.core.execution.by_hand.instructions import Instruction, instruction_rows
from portfolio_pipeline.core.execution.by_hand.sealing import sealed, seals_after

KEY = b"of this home"
AT = datetime.fromisoformat("2026-03-05T22:01:02.345678")
SAID = (
    Instruction(1, "order", date(2026, 3, 5), "me", "why", AT, "trend", "SPY", 7_000_000, 101.25),
    Instruction(2, "cancel", date(2026, 3, 5), "me", "no", AT, order="PAPER-account-1"),
    Instruction(3, "withdraw", date(2026, 3, 6), "you", "späť", AT, withdraws=1),
    Instruction(4, "flatten", date(2026, 3, 9), "me", "out", AT),
)


def rows(said: tuple[Instruction, ...] = SAID, key: bytes = KEY) -> list[dict[str, Any]]:
    told = instruction_rows(said, seals_after(key, "", said)).astype(object)
    found = told.where(told.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in found]


def test_what_was_said_here_is_read_in_any_order() -> None:
    assert sealed(KEY, list(reversed(rows()))).said == SAID
    assert sealed(KEY, []).said == ()


def test_another_secret_has_not_said_it() -> None:
    with pytest.raises(LimitError, match="INSTRUCTION_ALTERED: found=order_instructions 1: order trend SPY"):
        sealed(b"of another", rows())


@settings(max_examples=60, deadline=None)
@given(place=st.integers(0, 3), data=st.data())
def test_whatever_is_edited_in_a_row_is_found(place: int, data: st.DataObject) -> None:
    told = rows()
    name = data.draw(st.sampled_from(sorted(told[place])))
    other: dict[str, object] = {
        "instruction_id": 9,
        "session": date(2026, 3, 12),
        "quantity": 8.0,
        "limit_price": 101.26,
        "withdraws": 2,
        "recorded_at": AT.replace(microsecond=1),
    }
    told[place][name] = other.get(name, "modify" if name == "kind" else "another")
    with pytest.raises(LimitError, match="INSTRUCTION_ALTERED"):
        sealed(KEY, told)


def test_a_row_put_in_doubled_or_taken_out_from_among_others_is_found() -> None:
    told = rows()
    forged = {**told[3], "instruction_id": 5}
    for one in ([*told, forged], told[1:], [told[0], *told[2:]], [*told, {**forged, "seal": None}]):
        with pytest.raises(LimitError, match="INSTRUCTION_ALTERED"):
            sealed(KEY, one)


def test_a_seal_of_one_place_is_none_of_another() -> None:
    moved = replace(SAID[3], number=2)
    [stolen] = seals_after(KEY, "", [moved])
    [row] = rows((moved,))
    with pytest.raises(LimitError, match="INSTRUCTION_ALTERED: found=order_instructions 2"):
        sealed(KEY, [rows()[0], {**row, "seal": stolen}])
