"""A few seeded lives, with tables; `….benchmarks.orders_once --tables` draws hundreds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from portfolio_pipeline_tests.fakes.alpaca.market_hours import evening
from portfolio_pipeline_tests.fakes.alpaca.server import AlpacaServer
from portfolio_pipeline_tests.paper_lives.desk import DAYS
from portfolio_pipeline_tests.paper_lives.life import Life
from portfolio_pipeline_tests.paper_lives.troubles import TROUBLES


@pytest.fixture(scope="module")
def server() -> Iterator[AlpacaServer]:
    with AlpacaServer(evening(DAYS[0])) as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lives")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [4, 11, 12])
def test_whatever_a_life_brings_every_intent_is_one_order_and_the_tables_are_the_ledgers(
    seed: int, server: AlpacaServer, folder: Path
) -> None:
    life = Life(server, seed, folder, processes=seed == 12).lived(2)
    assert life.happened
    assert server.ledger.orders


def test_every_trouble_has_a_name_of_its_own() -> None:
    """By which the benchmark counts how often it came."""
    happens = {trouble.happens for trouble in TROUBLES}
    assert len({one.__name__ for one in happens}) == len(happens) >= 25
