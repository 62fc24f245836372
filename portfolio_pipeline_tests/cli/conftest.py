"""A home that has traded, made once for all tests."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from portfolio_pipeline_tests.cli.house import House

FIRST, LAST = "2022-01-03", "2022-08-12"


@pytest.fixture(scope="session")
def lived(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Long enough for strategies to have begun trading. To look at: whoever changes it takes a copy."""
    own = tmp_path_factory.mktemp("lived") / "home"
    # Another process of the same tests may have made it already.
    shared = tmp_path_factory.getbasetemp().parent / "lived" if "PYTEST_XDIST_WORKER" in os.environ else own
    if not shared.exists():
        code, said = House(own).does("backfill", "--from", FIRST, "--to", LAST)
        assert code == 0, said
        with suppress(OSError):  # the other one was faster
            own.rename(shared)
    return House(shared)


@pytest.fixture
def lived_copy(lived: House, tmp_path: Path) -> House:
    shutil.copytree(lived.home, tmp_path / "home")
    return House(tmp_path / "home")
