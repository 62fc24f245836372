"""Homes that have traded, made once for all tests: in the made-up market, and on paper."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from portfolio_pipeline_tests.cli.house import House
from portfolio_pipeline_tests.cli.paper_house import PaperHouse
from portfolio_pipeline_tests.fakes.alpaca.ledger import Held
from portfolio_pipeline_tests.fakes.alpaca.market_hours import evening
from portfolio_pipeline_tests.fakes.alpaca.server import AlpacaServer

FIRST, LAST = "2022-01-03", "2022-08-12"
DAY = date(2026, 3, 5)
PAPER_SESSIONS = 300


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


@pytest.fixture(scope="session")
def begun_on_paper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PaperHouse, str]]:
    """A home after `portfolio up`, and what it said. The account holds something already."""
    with AlpacaServer(evening(DAY)) as server:
        house = PaperHouse(tmp_path_factory.mktemp("paper") / "home", server, DAY)
        server.ledger.cash = Decimal("200000.37")
        server.ledger.positions["IEF"] = Held(Decimal(100), Decimal("95.5"))
        code, said = house.does("up", "--no-ui", "--sessions", str(PAPER_SESSIONS))
        assert code == 1, said
        assert "RECONCILIATION_OPEN: found=foreign_position IEF" in said, said
        assert not server.posts()
        for command in (("reconcile", "accept", "IEF", "--reason", "mine, bought before"), ("run",)):
            code, told = house.does(*command)
            assert code == 0, told
        yield house, said


@pytest.fixture
def paper_house(begun_on_paper: tuple[PaperHouse, str], tmp_path: Path) -> Iterator[PaperHouse]:
    """A copy of that home, and a server that has lived through the same."""
    before = begun_on_paper[0].server
    shutil.copytree(begun_on_paper[0].home, tmp_path / "home")
    with AlpacaServer(evening(DAY)) as server:
        house = PaperHouse(tmp_path / "home", server, DAY)
        ledger = server.ledger
        ledger.cash, ledger.prices = before.ledger.cash, dict(before.ledger.prices)
        ledger.positions = {symbol: replace(held) for symbol, held in before.ledger.positions.items()}
        ledger.orders = {name: replace(order) for name, order in before.ledger.orders.items()}
        yield house
