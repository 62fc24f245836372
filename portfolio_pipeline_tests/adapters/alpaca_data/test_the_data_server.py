"""The server that stands in for Alpaca's market data answers as the documents have it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests

from portfolio_pipeline.core.calendar.sessions import SessionRange, next_session, session_close
from portfolio_pipeline_tests.adapters.alpaca_data.desk import DAY, SYMBOLS, market
from portfolio_pipeline_tests.fakes.alpaca.data_server import AlpacaDataServer
from portfolio_pipeline_tests.fakes.alpaca.faults import Fault
from portfolio_pipeline_tests.fakes.alpaca.market_hours import evening, opening

TOMORROW = next_session(DAY)


@pytest.fixture
def server() -> Iterator[AlpacaDataServer]:
    with AlpacaDataServer(evening(TOMORROW)) as server:
        server.vendor.know(market(SessionRange(DAY, TOMORROW)))
        yield server


def ask(server: AlpacaDataServer, path: str, **query: object) -> requests.Response:
    headers = {"APCA-API-KEY-ID": server.key, "APCA-API-SECRET-KEY": server.secret}
    wanted = {name: str(value) for name, value in query.items()}
    return requests.get(f"{server.url}{path}", params=wanted, headers=headers, timeout=5)


def bars(server: AlpacaDataServer, **query: object) -> Any:
    wanted = {"symbols": ",".join(SYMBOLS), "timeframe": "1Day", "start": DAY, "feed": "iex", **query}
    return ask(server, "/v2/stocks/bars", **wanted).json()


def test_a_limit_counts_bars_of_all_symbols_and_tokens_lead_through_them(server: AlpacaDataServer) -> None:
    pages, token = [], ""
    while token is not None:
        told = bars(server, limit=3, **({"page_token": token} if token else {}))
        pages.append(told["bars"])
        token = told["next_page_token"]
    assert [sum(map(len, page.values())) for page in pages] == [3, 3, 2]
    assert list(pages[0]) == ["GLD", "IEF"]
    bar = pages[0]["GLD"][0]
    assert set(bar) == {"c", "h", "l", "n", "o", "t", "v", "vw"}
    assert bar["t"] == f"{DAY}T05:00:00Z"


def test_the_bar_of_an_open_session_is_forming_and_settles_after_the_close(server: AlpacaDataServer) -> None:
    def told() -> Any:
        return bars(server, start=TOMORROW)["bars"].get("GLD")

    [final] = told()
    server.clock.set(opening(TOMORROW) - timedelta(minutes=1))
    assert told() is None
    server.clock.set(opening(TOMORROW) + timedelta(hours=1))
    [forming] = told()
    assert forming["v"] < final["v"]
    assert forming["c"] != final["c"]
    server.clock.set(session_close(TOMORROW) + timedelta(minutes=5))
    [late] = told()
    assert (late["c"], late["v"]) == (final["c"], final["v"] - 1)


def test_recent_sip_data_needs_a_subscription_and_the_refusal_has_no_code(server: AlpacaDataServer) -> None:
    refused = ask(server, "/v2/stocks/bars", symbols="GLD", timeframe="1Day", start=DAY)
    assert (refused.status_code, refused.json()) == (
        403,
        {"message": "subscription does not permit querying recent SIP data"},
    )
    older = f"{session_close(TOMORROW):%Y-%m-%dT%H:%M:%SZ}"
    assert ask(server, "/v2/stocks/bars", symbols="GLD", timeframe="1Day", start=DAY, end=older).status_code == 200
    server.vendor.pays_for_sip = True
    assert ask(server, "/v2/stocks/quotes/latest", symbols="GLD").status_code == 200


def test_an_unknown_symbol_has_no_bars_and_a_malformed_one_is_refused(server: AlpacaDataServer) -> None:
    assert bars(server, symbols="ZZZZZ") == {"bars": {}, "next_page_token": None}
    server.vendor.malformed = frozenset({"A-1"})
    refused = ask(server, "/v2/stocks/bars", symbols="GLD,A-1", timeframe="1Day", feed="iex")
    assert (refused.status_code, refused.json()) == (400, {"message": "invalid symbol: A-1"})


def test_actions_are_found_by_the_day_they_are_processed(server: AlpacaDataServer) -> None:
    server.vendor.actions.clear()
    server.vendor.pay("GLD", DAY, 0.5)

    def told(**days: object) -> Any:
        answer = ask(server, "/v1/corporate-actions", symbols="GLD", **days).json()
        return answer["corporate_actions"].get("cash_dividends", [])

    assert told() == told(start=DAY, end=DAY) == []
    [dividend] = told(start=DAY, end=DAY + timedelta(days=30))
    assert (dividend["symbol"], dividend["rate"], dividend["ex_date"]) == ("GLD", 0.5, str(DAY))
    assert dividend["process_date"] > dividend["ex_date"]


def test_too_many_requests_say_until_when_and_keys_are_asked_for(server: AlpacaDataServer) -> None:
    server.faults.append(Fault("rate limit", "GET", "/v2/stocks/bars", seconds=7))
    limited = ask(server, "/v2/stocks/bars", symbols="GLD", timeframe="1Day")
    assert (limited.status_code, limited.json()) == (429, {"message": "too many requests."})
    assert limited.headers["X-RateLimit-Remaining"] == "0"
    assert limited.headers["X-RateLimit-Reset"].isdigit()
    server.key = "another"
    assert requests.get(f"{server.url}/v2/stocks/bars", timeout=5).status_code == 401
