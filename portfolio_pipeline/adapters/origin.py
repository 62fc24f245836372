"""What everything is computed with now, as the environment says; and what it was at the newest stored session.

Settings and cards are imported by whoever asks for the present: `status` asks for what is stored alone.
"""

from __future__ import annotations

import hashlib
from functools import cache

from portfolio_pipeline.adapters.broker import BROKERS
from portfolio_pipeline.adapters.environment import PACKAGE_ROOT, Environment
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.execution.origin import Origin
from portfolio_pipeline.core.tables import PRICES, SESSION_ORIGINS
from portfolio_pipeline.ports import Reader

_LENGTH = 12


def current_origin(environment: Environment) -> Origin:
    from portfolio_pipeline.adapters.cards import load_cards
    from portfolio_pipeline.adapters.settings import active_settings

    settings = active_settings(environment)
    cards = "".join(card.model_dump_json() for card in load_cards(environment))
    return Origin(
        market_data=environment.market_data,
        market_data_place=str(environment.market_data_path or ""),
        broker=environment.trading_mode,
        # An account out in the world begins with what is in it.
        initial_cash=0.0 if BROKERS[environment.trading_mode].real else settings.simulated_broker.initial_cash,
        settings=_fingerprint(settings.model_dump_json().encode()),
        strategies=_fingerprint(cards.encode()),
        code=_code(),
    )


def newest_origin(reader: Reader) -> Origin | None:
    session = reader.newest(SESSION_ORIGINS.name)
    if session is None:
        return None
    (row,) = reader.read(SESSION_ORIGINS.name, SessionRange.single(session)).to_pylist()
    return Origin.of_row(row)


def newest_sources(reader: Reader) -> frozenset[str]:
    """Where the bars of the newest session came from."""
    session = reader.newest(PRICES.name)
    if session is None:
        return frozenset()
    return frozenset(reader.read(PRICES.name, SessionRange.single(session), columns=["source"])["source"].to_pylist())


@cache
def _code() -> str:
    """Of every line of the package, however it was installed or edited."""
    files = sorted((*PACKAGE_ROOT.rglob("*.py"), *PACKAGE_ROOT.rglob("*.sql")))
    return _fingerprint(
        *(part for file in files for part in (str(file.relative_to(PACKAGE_ROOT)).encode(), file.read_bytes()))
    )


def _fingerprint(*parts: bytes) -> str:
    whole = hashlib.sha256()
    for part in parts:
        whole.update(part)
        whole.update(b"\0")
    return whole.hexdigest()[:_LENGTH]
