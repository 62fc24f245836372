"""What seeded lives have shown of others in the account, each by itself."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline_tests.fakes.alpaca.ledger import Held
from portfolio_pipeline_tests.fakes.alpaca.market_hours import evening, opening
from portfolio_pipeline_tests.fakes.alpaca.server import AlpacaServer
from portfolio_pipeline_tests.paper_lives.desk import DAYS, Desk, bars_of, quotes
from portfolio_pipeline_tests.paper_lives.proofs import proved
from portfolio_pipeline_tests.paper_lives.troubles import STRANGER


def test_others_may_sell_what_is_theirs_but_not_what_is_ours(tmp_path: Path) -> None:
    """By day what they have not, in the evening what they have; a symbol without prices is never taken over."""
    bars = bars_of(1)
    with AlpacaServer(evening(DAYS[0])) as server:
        ledger, desk = server.ledger, Desk.begun(server, tmp_path, "home", "at market", 1)
        ledger.prices |= dict.fromkeys((*desk.settings.symbols, STRANGER), Decimal(100))
        ledger.positions[STRANGER] = Held(Decimal(5), Decimal(90))
        desk.evening(DAYS[0])
        desk.decide("ignore", STRANGER)
        desk.evening(DAYS[0])
        assert not desk.open_differences()

        ledger.open_session(DAYS[1], quotes(bars, DAYS[1]))
        ours = max(ledger.shares(), key=lambda symbol: ledger.shares()[symbol])
        server.clock.set(opening(DAYS[1]) + timedelta(hours=1))
        ledger.foreign(ours, -2, 55.5)
        ledger.close_session(DAYS[1], quotes(bars, DAYS[1]))
        ledger.foreign(STRANGER, -1, 50.0)
        desk.moment = server.clock.now()
        desk.evening(DAYS[1])
        assert {(one.subject, one.quantity // 10**6) for one in desk.open_differences()} == {(ours, -2), (STRANGER, -1)}
        with pytest.raises(ConfigurationError, match=f"CANNOT_BE_IGNORED: found=foreign_execution {ours}"):
            desk.decide("ignore", ours)
        with pytest.raises(ConfigurationError, match=f"SYMBOL_NOT_IN_UNIVERSE: found={STRANGER}"):
            desk.decide("accept", STRANGER)
        desk.decide("accept", ours)
        desk.decide("ignore", STRANGER)
        desk.evening(DAYS[1])
        proved(desk.warehouse(), ledger, DAYS[1], {STRANGER: Decimal(5)})

        ledger.play(DAYS[2], quotes(bars, DAYS[2]))
        desk.moment = server.clock.now()
        desk.evening(DAYS[2])
        assert not desk.open_differences()
        proved(desk.warehouse(), ledger, DAYS[2], {STRANGER: Decimal(4)})
