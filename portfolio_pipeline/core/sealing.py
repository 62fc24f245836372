"""Seals: digests keyed with the secret of the home, which nobody can make who only has the database.

What is sealed, and what follows where a seal does not hold, is said where the rows are written and read; keeping the
secret is done by an adapter. Pure.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable


def digest(key: bytes, told: str) -> str:
    return hmac.new(key, told.encode(), hashlib.sha256).hexdigest()[:32]


def chained(key: bytes, before: str, rows: Iterable[list[object]]) -> list[str]:
    """The seals of rows, one after the other: each covers its row and the seal before it, so that a row that was put in
    or taken out from among others is found. Of every row the first part says what it is, `before` comes after it.
    """
    found = []
    for what, *row in rows:
        before = digest(key, json.dumps([what, before, *row]))
        found.append(before)
    return found


def same(one: str, other: str) -> bool:
    """Whether two seals are the same, without telling by the time it takes how much of them is."""
    return hmac.compare_digest(one.encode(), other.encode())
