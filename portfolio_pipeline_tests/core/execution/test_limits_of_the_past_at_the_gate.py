"""Top five, sectors, volatility and value at risk where money moves: planned within them, refused behind the planner's
back.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from portfolio_pipeline.core.books.book import SHARE, Book, Position, to_cents
from portfolio_pipeline.core.calendar.sessions import as_days
from portfolio_pipeline.core.execution.gate import Gate, judge_submission
from portfolio_pipeline.core.execution.orders import client_order_id, plan
from portfolio_pipeline.core.execution.tickets import Ticket
from portfolio_pipeline.core.market.bars import SessionBars, bars_by_session
from portfolio_pipeline.core.market.panel import PricePanel
from portfolio_pipeline.core.market.past import Pasts
from portfolio_pipeline.core.portfolio.session_targets import SessionTargets
from portfolio_pipeline.core.risk.settings import Limits
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline_tests.trading import CLASSES, OPEN, SYMBOLS, first_sessions, market, settings

SESSIONS = tuple(first_sessions(150))
DAY, BEFORE = SESSIONS[-1], SESSIONS[-2]
ROWS = market(11, first_sessions(150))
ROWS = ROWS[~((ROWS["session"] == DAY) & (ROWS["symbol"] == "ZZZ"))]
ROOM: dict[str, Any] = {
    "order_volume": 1.0,
    "price_collar": 0.99,
    "symbol": 1.0,
    "turnover": 2.0,
    "asset_class": OPEN,
    "order_equity": 1.0,
    "order_notional": 1e9,
}
TODAY = tuple(sorted(ROWS.loc[ROWS["session"] == DAY, "symbol"]))
ASKED = dict.fromkeys(TODAY, 0.9 / len(TODAY)) | {symbol: 0.0 for symbol in SYMBOLS if symbol not in TODAY}


def house(**limits: float) -> Settings:
    return settings(limits=Limits(**ROOM | limits))


def bars() -> dict[date, SessionBars]:
    quiet = ROWS.assign(volume=1e9)
    return bars_by_session(pa.Table.from_pandas(quiet, preserve_index=False))


def figures(weights: dict[str, float]) -> tuple[float, float]:
    """Volatility and value at risk by pandas, unknown returns as their class had them."""
    panel = PricePanel.from_prices(ROWS.assign(session=pd.to_datetime(ROWS["session"])), as_days(SESSIONS), SYMBOLS)
    change = pd.DataFrame(panel.adjusted_close, columns=list(SYMBOLS)).pct_change(fill_method=None).iloc[1:]
    kinds = dict(zip(SYMBOLS, CLASSES, strict=True))
    filled = {s: change[s].fillna(change[[o for o in SYMBOLS if kinds[o] == kinds[s]]].mean(axis=1)) for s in SYMBOLS}
    earned = pd.DataFrame(filled).fillna(0.0).mul(pd.Series(weights)).sum(axis=1)
    return float(np.sqrt(earned.pow(2).ewm(halflife=63).mean().iloc[-1] * 252)), float(-np.percentile(earned, 5))


def judged(tickets: list[Ticket], terms: Settings, weights: dict[str, float]) -> Gate:
    targets = {BEFORE: SessionTargets({}), DAY: SessionTargets(weights)}
    return judge_submission("SIMULATED", [DAY], tickets, Book(to_cents(1e6)), targets, bars(), terms)


def test_bars_and_adjusted_closes_tell_the_same_past_through_splits_dividends_and_gaps() -> None:
    panel = PricePanel.from_prices(ROWS.assign(session=pd.to_datetime(ROWS["session"])), as_days(SESSIONS), SYMBOLS)
    classes = dict(zip(SYMBOLS, CLASSES, strict=True))
    of_closes = Pasts.of_closes(panel.adjusted_close, SESSIONS, SYMBOLS, classes)
    of_bars = Pasts.of_bars(bars(), classes)
    assert ROWS["split_ratio"].ne(1).any()
    assert ROWS["dividend"].ne(0).any()
    for session in SESSIONS[1:]:
        one, other = of_closes.at(session), of_bars.at(session)
        np.testing.assert_allclose(one.returns, other.returns, atol=1e-12)


@pytest.mark.parametrize(("name", "place"), [("volatility", 0), ("value_at_risk", 1)])
def test_what_was_planned_under_a_wider_limit_is_refused_with_the_figure_that_pandas_finds(
    name: str, place: int
) -> None:
    found = figures(ASKED)[place]
    targets = {BEFORE: SessionTargets({}), DAY: SessionTargets(dict(ASKED))}
    planned = plan("SIMULATED", [DAY], Book(to_cents(1e6)), targets, bars(), house(**{name: found * 1.01}))
    assert {ticket.verdict for ticket in planned.tickets} == {"accepted"}
    gate = judged(list(planned.tickets), house(**{name: found * 0.9}), dict(ASKED))
    assert gate.sendable == ()
    (told,) = [one for one in gate.findings[DAY] if one.rule == f"targets_{name}"]
    assert told.found == pytest.approx(found)
    assert told.message.startswith(f"{name.upper()}_LIMIT: subject=portfolio")


@pytest.mark.parametrize("name", ["volatility", "value_at_risk"])
def test_edited_targets_and_tickets_that_fit_them_are_refused_by_the_past(name: str) -> None:
    """Whoever edits both rows, identifiers included, still meets the limit on what they add up to."""
    terms = house(**{name: figures(ASKED)[name == "value_at_risk"] * 1.02})
    riskiest = max(TODAY, key=lambda s: figures({s: 1.0})[name == "value_at_risk"])
    edited = {**ASKED, riskiest: 0.9} | {s: 0.0 for s in TODAY if s != riskiest}
    close = bars()[DAY][riskiest].close
    shares = int(0.88 * 1e6 / close)
    ticket = Ticket(DAY, "", riskiest, shares * SHARE, close, 0.9, "forged")
    ticket = replace(ticket, client_order_id=client_order_id("SIMULATED", DAY, riskiest, ticket.quantity))
    gate = judged([ticket], terms, edited)
    assert gate.sendable == ()
    assert {f"targets_{name}", name} <= {one.rule for one in gate.findings[DAY]}


@pytest.mark.parametrize(("limit", "rules"), [({"top_five": 0.6}, {"top_five"}), ({"sector": 0.7}, {"sector"})])
def test_targets_past_top_five_or_sector_are_refused_and_named(limit: dict[str, float], rules: set[str]) -> None:
    planned = plan("SIMULATED", [DAY], Book(to_cents(1e6)), {DAY: SessionTargets(dict(ASKED))}, bars(), house())
    gate = judged(list(planned.tickets), house(**limit), dict(ASKED))
    assert gate.sendable == ()
    assert rules | {f"targets_{rule}" for rule in rules} <= {one.rule for one in gate.findings[DAY]}


def test_what_would_carry_the_book_past_a_limit_is_scaled_and_reductions_pass() -> None:
    """What no target wants and cannot be sold today, for it has no bar, stands in the way of its successor."""
    gone = next(symbol for symbol in SYMBOLS if symbol not in TODAY)
    whole = dict.fromkeys(TODAY, 0.5 / len(TODAY)) | {symbol: 0.0 for symbol in SYMBOLS if symbol not in TODAY}
    held = Book(to_cents(500_000), {gone: Position(50_000 * SHARE, 10.0, 10.0)})
    volatility = figures(whole)[0]
    terms = house(volatility=volatility * 1.05)
    planned = plan("SIMULATED", [DAY], held, {DAY: SessionTargets(whole)}, bars(), terms)
    assert {ticket.verdict for ticket in planned.tickets} <= {"accepted"}
    free = plan(
        "SIMULATED", [DAY], Book(to_cents(500_000), dict(held.positions)), {DAY: SessionTargets(whole)}, bars(), house()
    )
    spent = sum(ticket.notional for ticket in planned.tickets), sum(ticket.notional for ticket in free.tickets)
    assert spent[0] < spent[1]
    cuts = {one.rule: one for one in planned.findings[DAY] if one.severity == "cut"}
    assert "volatility" in cuts
    after = {t.symbol: t.quantity / SHARE * bars()[DAY][t.symbol].close / 1e6 for t in planned.tickets} | {gone: 0.5}
    before = figures({gone: 0.5})[0]
    assert figures(after)[0] <= max(volatility * 1.05 * 1.01, before) + 1e-6
