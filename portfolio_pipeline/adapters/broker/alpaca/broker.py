"""Alpaca behind the port: the account, the orders of the newest closed session, what was executed and booked.

It knows one session at a time: the newest that has closed, until the market opens again. Its account is asked once per
process whether it is the right one. Holdings are marked at the closes that the warehouse holds, as the whole house
does; the broker's own prices move on in the evening.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd

from portfolio_pipeline.adapters.alpaca.access import AlpacaAccess
from portfolio_pipeline.adapters.alpaca.client import AlpacaClient, Patience, Refused
from portfolio_pipeline.adapters.broker.alpaca.activities import Activities
from portfolio_pipeline.adapters.broker.alpaca.door import trading_door
from portfolio_pipeline.adapters.broker.alpaca.journal import Journal
from portfolio_pipeline.adapters.broker.alpaca.sending import Sender, still_in_doubt
from portfolio_pipeline.adapters.broker.alpaca.words import Unreadable, asset_of, cents, moment, price, units
from portfolio_pipeline.core.books.book import AccountSnapshot, Holding, to_shares
from portfolio_pipeline.core.books.cash_flows import CashFlow
from portfolio_pipeline.core.books.fills import Fill
from portfolio_pipeline.core.books.reconciliation import ForeignOrder
from portfolio_pipeline.core.calendar.sessions import (
    NEW_YORK,
    SessionRange,
    last_closed_session,
    next_session,
    previous_session,
    session_close,
)
from portfolio_pipeline.core.errors import BrokerError, ConfigurationError
from portfolio_pipeline.core.execution.attempts import OVER, Attempt
from portfolio_pipeline.core.execution.tickets import Order, OrderReport, OrderState
from portfolio_pipeline.core.execution.windows import MarketHours
from portfolio_pipeline.core.market.bars import Asset
from portfolio_pipeline.core.tables import BROKER_ACCOUNTS, POSITIONS, PRICES
from portfolio_pipeline.core.tables.declare import ACCOUNT_BOOK
from portfolio_pipeline.ports import Clock, Warehouse
from portfolio_pipeline.ports.broker import TradingMode

LARGEST_SKEW = 5.0
_MANY = 50  # symbols, of which all assets are asked for at once
_ROUNDS = 3  # what could not be found when it was sent may be when everything is looked through
_BLOCKS = ("trading_blocked", "account_blocked", "trade_suspended_by_user")


class AlpacaBroker:
    """`ports.Broker` for an account at Alpaca, paper or live; nothing is connected before something is asked."""

    def __init__(
        self,
        mode: TradingMode,
        access: AlpacaAccess,
        warehouse: Warehouse,
        clock: Clock,
        patience: Patience | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._mode, self._access, self._warehouse, self._clock, self._sleep = mode, access, warehouse, clock, sleep
        self._client = AlpacaClient(access, trading_door(access, mode), patience, sleep)
        self._journal = Journal(warehouse, clock)
        self._sender = Sender(self._client, self._journal, mode, sleep)
        self._activities = Activities(self._client)
        self._is_ours = False

    @property
    def mode(self) -> TradingMode:
        return self._mode

    def tradable(self, sessions: SessionRange) -> SessionRange | None:
        newest, hours = self._newest_session()
        return None if hours.is_open or newest not in sessions else SessionRange.single(newest)

    def assets(self, symbols: Sequence[str]) -> tuple[Asset, ...]:
        self._require_ours()
        if len(symbols) > _MANY:
            listed = self._ask("/assets", list, {"status": "active", "asset_class": "us_equity"})
            return tuple(asset_of(row) for row in listed if isinstance(row, dict) and row.get("symbol") in set(symbols))
        found = []
        for symbol in symbols:
            try:
                told = self._client.get(f"/assets/{symbol}")
            except Refused:  # it does not know the symbol: it will say so of the order
                continue
            if isinstance(told, dict) and told.get("symbol") == symbol:
                found.append(asset_of(told))
        return tuple(found)

    def account(self, session: date) -> AccountSnapshot:
        self._require_current(session)
        self._require_settled(session)
        told, held = self._account(), self._ask("/positions", list)
        try:
            amounts = {str(row["symbol"]): (units(row["qty"]), row) for row in held}
            cash = cents(told["cash"])
        except (KeyError, TypeError, Unreadable) as missing:
            raise self._unreadable("account and positions", missing) from None
        # What others trade in the evening is of the next session: the account is told as it was before.
        for fill in self._activities.fills(SessionRange.single(next_session(session)), {}):
            quantity, row = amounts.get(fill.symbol, (0, {}))
            amounts[fill.symbol] = quantity - fill.quantity, row
            cash -= fill.cash
        amounts = {symbol: (quantity, row) for symbol, (quantity, row) in amounts.items() if quantity}
        return AccountSnapshot(session, cash, self._marked(session, amounts))

    def submit(self, sessions: SessionRange, orders: Sequence[Order]) -> tuple[OrderReport, ...]:
        outside = next((one.session for one in orders if not sessions.first <= one.session <= sessions.last), None)
        if outside is not None:
            raise BrokerError(
                "ORDER_OUTSIDE_RANGE", found=outside, expected=sessions, remedy="Submit each session's own."
            )
        if orders:
            for session in {order.session for order in orders}:
                hours = self._require_current(session)
            self._require_settled(sessions.last)
            self._require_unblocked(self._account())
            self._sender.plan(orders)
            self._refuse_strangers(self._sender.sweep(sessions.last).strangers, orders)
            for _ in range(_ROUNDS):
                whole = self._sender.send(orders, hours.next_close)
                doubted = self._sender.sweep(sessions.last).doubted
                if whole or doubted:
                    break
        return self.reports(sessions)

    def cancel(self, session: date, names: Sequence[str]) -> tuple[OrderReport, ...]:
        self._require_ours()
        own = {name: one for name, one in self._journal.of_orders(names).items() if one.order.session == session}
        return tuple(one.report for one in self._sender.canceled(own).values() if one.state is not OrderState.PLANNED)

    def reports(self, sessions: SessionRange) -> tuple[OrderReport, ...]:
        known = self._journal.of_sessions(sessions)
        if any(attempt.state not in OVER and attempt.state is not OrderState.PLANNED for attempt in known.values()):
            self._require_ours()
            known |= self._sender.refreshed(known)
        return tuple(one.report for one in known.values() if one.state is not OrderState.PLANNED)

    def fills(self, sessions: SessionRange, *, so_far: bool = False) -> tuple[Fill, ...]:
        self._require_ours()
        before = previous_session(sessions.first) or sessions.first
        own = self._journal.of_sessions(SessionRange(before, sessions.last))
        own |= self._sender.refreshed(own)
        names = {one.broker_order_id: name for name, one in own.items() if one.broker_order_id}
        if so_far:
            return self._activities.fills(sessions, names)
        decided = [one for one in own.values() if one.order.session < sessions.last]
        self._refuse_open(decided)
        for pause in (*self._client.patience.lookups, None):
            found = self._activities.fills(sessions, names)
            lacking = _lacking(decided, found)
            if not lacking:
                return found
            if pause is not None:
                self._sleep(pause)
        raise BrokerError(
            "FILLS_INCOMPLETE",
            sessions=sessions,
            found=lacking[0],
            orders=len(lacking),
            remedy="The executions of these orders are not all told yet. Give the same command again in some minutes.",
        )

    def cash_flows(self, sessions: SessionRange) -> tuple[CashFlow, ...]:
        self._require_ours()
        return self._activities.cash_flows(sessions)

    def foreign_orders(self) -> tuple[ForeignOrder, ...]:
        self._require_ours()
        return self._sender.foreign()

    # Whose account it is, and when it is

    def _newest_session(self) -> tuple[date, MarketHours]:
        """The newest closed session by the broker's clock, and its hours.

        A day on which it closes early, or not opens at all, without the house's calendar knowing: what is sent then
        would be executed in another session than in the books.
        """
        self._require_ours()
        hours = self._broker_time()
        newest = last_closed_session(hours.now)
        opens, expected = hours.next_open, next_session(newest)
        if not hours.is_open and opens is not None and opens.astimezone(NEW_YORK).date() > expected:
            raise BrokerError(
                "MARKET_HOURS_DIFFER",
                found=f"the broker's market opens next on {opens.astimezone(NEW_YORK).date()}",
                expected=f"{expected}, the session after {newest}",
                remedy="Too late for this session, or it is none: nothing was sent. Give the command again after the"
                " close of the next one.",
            )
        return newest, hours

    def _broker_time(self) -> MarketHours:
        before = self._clock.now()
        told = self._ask("/clock", dict)
        after = self._clock.now()
        try:
            now = _moment(told["timestamp"])
        except (KeyError, Unreadable) as missing:
            raise self._unreadable("the clock", missing) from None
        opens, closes = (_moment_if_told(told.get(name)) for name in ("next_open", "next_close"))
        ahead, behind = (now - after).total_seconds(), (before - now).total_seconds()
        if max(ahead, behind) > LARGEST_SKEW:
            raise BrokerError(
                "CLOCKS_DIFFER",
                found=f"{max(ahead, behind):.0f} s between this machine ({after:%Y-%m-%d %H:%M:%S} UTC) and the broker",
                limit=f"{LARGEST_SKEW:.0f} s",
                remedy="Nothing was sent. Set this machine's clock; let it follow a time server.",
            )
        return MarketHours(now, bool(told.get("is_open")), opens, closes)

    def _require_current(self, session: date) -> MarketHours:
        newest, hours = self._newest_session()
        if session == newest and not hours.is_open:
            return hours
        if session == newest:
            raise BrokerError(
                "MARKET_IS_OPEN",
                session=session,
                remedy="What was decided at its close can only be planned and sent until the market opens. Wait for the"
                " close of today's session, then: portfolio up.",
            )
        raise BrokerError(
            "SESSION_NOT_CURRENT",
            found=session,
            expected=f"{newest}, the newest that has closed",
            remedy="A real broker knows its account as it is now: only the newest session can be planned and sent.",
        )

    def _require_ours(self) -> None:
        """Once per process: keys, clock and account are those that are meant."""
        if self._is_ours:
            return
        self._broker_time()
        number = str(self._account().get("account_number") or "")
        if not number:
            raise self._unreadable("the account", "account_number")
        if self._mode == "LIVE" and number != self._access.live_account:
            raise ConfigurationError(
                "LIVE_ACCOUNT_DIFFERS",
                found=number,
                expected=f"{self._access.live_account}, as PORTFOLIO_LIVE_ACCOUNT says",
                remedy="Nothing was sent. Set the keys of that account, or the number of this one if it is meant.",
            )
        with self._warehouse.transaction() as tx:
            bound = tx.read(BROKER_ACCOUNTS.name).to_pylist()
            if not bound:
                seen = pd.DataFrame([(number, self._mode, self._journal.now())], columns=BROKER_ACCOUNTS.column_names)
                tx.insert(BROKER_ACCOUNTS.name, seen)
            elif (bound[0]["account_number"], bound[0]["mode"]) != (number, self._mode):
                raise ConfigurationError(
                    "ACCOUNT_OF_ANOTHER_KIND",
                    found=f"{self._mode} account {number}",
                    expected=f"{bound[0]['mode']} account {bound[0]['account_number']}, as in what is stored so far",
                    remedy="Nothing was sent. Set the keys of that account, or begin another home for this one: with"
                    " another DAGSTER_HOME, and another DATABASE_URL if it is set.",
                )
        self._is_ours = True

    @staticmethod
    def _require_unblocked(told: Mapping[str, Any]) -> None:
        blocks = [name for name in _BLOCKS if told.get(name)]
        status = str(told.get("status") or "ACTIVE")
        if blocks or status != "ACTIVE":
            raise BrokerError(
                "ACCOUNT_BLOCKED",
                found=", ".join(blocks) or f"status {status}",
                remedy="Nothing was sent. Alpaca's page of the account says why, and what to do.",
            )

    def _require_settled(self, session: date) -> None:
        """Nothing is planned or sent beside orders of earlier sessions that may still move the account."""
        earlier = {name: one for name, one in self._journal.of_late(session).items() if one.order.session < session}
        self._refuse_open([*{**earlier, **self._sender.refreshed(earlier)}.values()])

    def _refuse_strangers(self, strangers: Iterable[Attempt], orders: Sequence[Order]) -> None:
        """Orders of this session that another home, or this one before its database was put back, has sent by another
        plan: beside them everything would be traded twice.
        """
        planned = {order.client_order_id for order in orders}
        others = [one.order for one in strangers if one.order.client_order_id not in planned]
        if others and self._sender.unsent(orders):
            raise BrokerError(
                "SENT_FROM_ELSEWHERE",
                found=others[0].client_order_id,
                orders=len(others),
                expected="orders of one plan for a session",
                remedy="Nothing was sent. What is there is in this home's books from now on. Let one home alone trade"
                " an account; the next session is planned with what the account has then.",
            )

    def _refuse_open(self, attempts: Iterable[Attempt]) -> None:
        """Orders of sessions that are over, of which nobody knows what became, or which still stand."""
        now = self._clock.now()
        late = [
            one
            for one in attempts
            if one.state not in OVER
            and one.state is not OrderState.PLANNED
            and session_close(next_session(one.order.session)) <= now
        ]
        doubted = still_in_doubt(late)
        if doubted:
            raise BrokerError(
                "ORDERS_UNKNOWN",
                found=doubted[0].order.client_order_id,
                orders=len(doubted),
                why=doubted[0].error,
                remedy="Give the same command again; if it stays, look for the order on Alpaca's page of the account.",
            )
        if late:
            raise BrokerError(
                "ORDERS_STILL_OPEN",
                found=f"{late[0].order.client_order_id}, {late[0].state}",
                orders=len(late),
                remedy="Their session is over. Wait some minutes, or cancel them on Alpaca's page of the account.",
            )

    # What it says

    def _account(self) -> Mapping[str, Any]:
        told: Mapping[str, Any] = self._ask("/account", dict)
        return told

    def _ask(self, path: str, kind: type, query: Mapping[str, object] | None = None) -> Any:
        try:
            told = self._client.get(path, query)
        except Refused as refused:
            raise BrokerError("BROKER_REFUSED", of=path, found=refused, remedy="Nothing was sent.") from None
        if not isinstance(told, kind):
            raise self._unreadable(path, type(told).__name__)
        return told

    @staticmethod
    def _unreadable(what: str, found: object) -> BrokerError:
        return BrokerError("ANSWER_UNREADABLE", of=what, found=found, remedy="Nothing was sent. Try again.")

    def _marked(self, session: date, amounts: Mapping[str, tuple[int, Mapping[str, Any]]]) -> dict[str, Holding]:
        """Holdings at the session's closes; where there is none at the last mark, or at what the broker says."""
        single = SessionRange.single(session)
        before = previous_session(session)
        with self._warehouse.reading() as reader:
            bars = reader.read(PRICES.name, single, columns=["symbol", "close"]).to_pylist()
            marks = (
                reader.read(POSITIONS.name, SessionRange.single(before), where={"book": ACCOUNT_BOOK}).to_pylist()
                if before
                else []
            )
        closes = {row["symbol"]: row["close"] for row in bars}
        last = {row["symbol"]: row for row in marks}
        held = {}
        for symbol, (quantity, row) in sorted(amounts.items()):
            paid = _number(row.get("avg_entry_price"))
            if symbol in closes:
                held[symbol] = Holding(quantity, closes[symbol], average_cost=paid)
            elif symbol in last:
                mark = last[symbol]
                held[symbol] = Holding(quantity, mark["price"], mark["sessions_without_bar"] + 1, paid)
            else:
                told = _number(row.get("lastday_price")) or _number(row.get("current_price")) or paid or 0.0
                held[symbol] = Holding(quantity, told, 1, paid)
        return held


def _moment(text: object) -> datetime:
    return moment(text).replace(tzinfo=UTC)


def _moment_if_told(text: object) -> datetime | None:
    try:
        return None if text is None else _moment(text)
    except Unreadable:
        return None


def _number(text: object) -> float | None:
    try:
        return None if text is None else price(text)
    except Unreadable:
        return None


def _lacking(orders: Iterable[Attempt], fills: Iterable[Fill]) -> list[str]:
    """Orders of which more is filled than the executions say. Of what was refused nothing is expected: another order
    may have its name.
    """
    told: dict[str, int] = {}
    for fill in fills:
        told[fill.client_order_id] = told.get(fill.client_order_id, 0) + abs(fill.quantity)
    return [
        f"{name}: executions of {to_shares(told.get(name, 0)):g} of {to_shares(one.filled_quantity):g} shares"
        for one in orders
        if one.state is not OrderState.REFUSED and told.get(name := one.order.client_order_id, 0) != one.filled_quantity
    ]
