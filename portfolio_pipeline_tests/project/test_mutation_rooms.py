"""The rooms of the mutation run are those of the code: what is added to a watched folder is in one of them."""

from __future__ import annotations

from collections import Counter

import pytest

from portfolio_pipeline_tests.benchmarks.mutations.mutants import mutants
from portfolio_pipeline_tests.benchmarks.mutations.rooms import PACKAGE, ROOMS, ROOT, TESTS, WATCHED


def test_every_module_of_the_watched_folders_is_in_exactly_one_room() -> None:
    rooms = Counter(file for room in ROOMS.values() for file in room.files())
    watched = {file for folder in WATCHED for file in (ROOT / PACKAGE / folder).rglob("*.py")}
    without = sorted(str(file) for file in watched - set(rooms) if mutants(file, file.name))
    assert without == []
    assert [str(file) for file, times in rooms.items() if times > 1] == []


@pytest.mark.parametrize("name", ROOMS)
def test_what_a_room_names_is_there(name: str) -> None:
    room = ROOMS[name]
    assert [pattern for pattern in room.modules if not list((ROOT / PACKAGE).glob(pattern))] == []
    assert [path for path in room.tests if not (ROOT / TESTS / path).exists()] == []
    assert room.mutants()
