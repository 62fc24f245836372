"""Some dozens of seeded lives; `….benchmarks.orders_once` draws hundreds, and lets processes die in them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from portfolio_pipeline_tests.adapters.alpaca.histories import live
from portfolio_pipeline_tests.adapters.alpaca.proofs import DAY, PRICES
from portfolio_pipeline_tests.fakes.alpaca.market_hours import evening
from portfolio_pipeline_tests.fakes.alpaca.server import AlpacaServer

SEEDS = range(24)


@pytest.fixture(scope="module")
def server() -> Iterator[AlpacaServer]:
    with AlpacaServer(evening(DAY)) as running:
        running.ledger.prices |= PRICES
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lives")


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_a_life_brings_every_order_is_there_once_and_the_books_are_the_ledger(
    seed: int, server: AlpacaServer, folder: Path
) -> None:
    live(server, seed, folder, sessions=2, deaths=seed % 12 == 0)


def test_the_lives_are_lively(server: AlpacaServer, folder: Path) -> None:
    """What is tried in them is there: ends of every kind, and trades by hand."""
    ends: set[str] = set()
    for seed in range(100, 104):
        ledger = live(server, seed, folder, sessions=3, deaths=False)
        ends |= {order.status for order in ledger.orders.values()}
        ends |= {one.kind for one in ledger.activities}
    assert {"filled", "expired", "rejected", "FILL", "DIV"} <= ends
