"""Words that come from outside, made fit to be shown and stored: no database takes every character."""

from __future__ import annotations


def printable(text: str, longest: int = 60) -> str:
    """The text with every character that cannot be seen spelled out (NUL as `\\x00`), cut where it goes on for ever."""
    cut = text if len(text) <= longest else text[: longest - 1] + "…"
    if cut.isprintable():
        return cut
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in cut)


def clean(text: str) -> str:
    """What a person has typed, as a database can store it: Postgres takes no NUL."""
    return text.replace("\0", "").strip()
