"""A registry finds what it was given, in that order, and takes no name twice."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.registry import Registry

NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{1,9}", fullmatch=True)


@dataclass(frozen=True)
class Thing:
    name: str


@given(names=st.lists(NAMES, unique=True))
def test_everything_is_found_by_its_name_in_the_order_it_was_added(names: list[str]) -> None:
    things = [Thing(name) for name in names]
    registry = Registry("thing", things)
    assert list(registry.items()) == [(thing.name, thing) for thing in things]
    assert all(registry.known(name) == name for name in names)


def test_a_name_that_is_taken_is_refused_and_changes_nothing() -> None:
    first = Thing("ab")
    registry = Registry("fine thing", [first])
    with pytest.raises(ConfigurationError, match="FINE_THING_TAKEN: found=ab"):
        registry.add(Thing("ab"))
    assert registry["ab"] is first


@pytest.mark.parametrize("name", ["", "a", "1a", "a b", "x" * 42])
def test_what_has_no_usable_name_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="THING_WITHOUT_NAME"):
        Registry("thing", [Thing(name)])


def test_an_unknown_name_is_told_the_known_ones_and_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"one of equal, static \(did you mean equal\?\)"):
        Registry("thing", [Thing("equal"), Thing("static")]).known("equals")
