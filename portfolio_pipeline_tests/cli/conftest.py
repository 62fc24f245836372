"""A home that has traded, made once for every process of the tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from portfolio_pipeline_tests.cli.house import House

FIRST, LAST = "2022-01-03", "2022-08-12"


@pytest.fixture(scope="session")
def lived(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Long enough for strategies to have begun trading. To look at: whoever changes it takes a copy."""
    made = House(tmp_path_factory.mktemp("lived") / "home")
    code, said = made.does("backfill", "--from", FIRST, "--to", LAST)
    assert code == 0, said
    return made


@pytest.fixture
def lived_copy(lived: House, tmp_path: Path) -> House:
    shutil.copytree(lived.home, tmp_path / "home")
    return House(tmp_path / "home")
