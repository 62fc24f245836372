"""Words from outside are shown and stored as something that every terminal and database takes."""

from __future__ import annotations

import pytest

from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.core.words import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("BRK.B", "BRK.B"),
        ("Société", "Société"),
        ("A\0B", "A\\x00B"),
        ("A\u200bB", "A\\u200bB"),
        ("A\ud800", "A\\ud800"),
        ("A" * 100, "A" * 59 + "…"),
    ],
)
def test_what_cannot_be_seen_is_spelled_out(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_refusal_can_be_stored_whatever_was_found() -> None:
    refusal = DataError("SYMBOL_WRONG", found="A\0B\ud800", remedy="Mend it.")
    assert str(refusal) == "SYMBOL_WRONG: found=A\\x00B\\ud800. Mend it."
