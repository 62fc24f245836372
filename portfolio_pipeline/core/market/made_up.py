"""How made-up prices are told from others: by the name that stands on every bar, which says what made it."""

from __future__ import annotations

from collections.abc import Iterable

MADE_UP = "SIMULATED"
MODEL = 2
"""Of the made-up market. To be counted up by whoever changes a bar of any seed: homes of before are told then."""
OTHER_MODEL = "This version makes up another market: go on with the one that made what is stored"


def source_name(seed: int) -> str:
    """Another model or another seed makes other prices, and so is another source."""
    return f"{MADE_UP} model {MODEL} seed {seed}"


def any_made_up(sources: Iterable[str]) -> bool:
    return any(source.split(" ")[0] == MADE_UP for source in sources)


def of_this_model(source: str) -> bool:
    return source.startswith(source_name(0).removesuffix("0"))
