"""How Alpaca writes things down: the JSON of accounts, orders, positions, activities, assets, clock and calendar.

Numbers are strings, moments are UTC with nanoseconds or New York's, as recorded from the paper API.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

from portfolio_pipeline.core.calendar.sessions import NEW_YORK, session_close, sessions_between
from portfolio_pipeline_tests.fakes.alpaca.ledger import Activity, Ledger, Taken
from portfolio_pipeline_tests.fakes.alpaca.market_hours import MarketClock


def account(ledger: Ledger) -> dict[str, Any]:
    longs = sum((v for s in ledger.positions if (v := ledger.value(s)) > 0), Decimal(0))
    shorts = sum((v for s in ledger.positions if (v := ledger.value(s)) < 0), Decimal(0))
    return {
        "id": str(uuid5(NAMESPACE_DNS, ledger.account_number)),
        "account_number": ledger.account_number,
        "status": "ACTIVE",
        "crypto_status": "ACTIVE",
        "currency": "USD",
        "buying_power": number(ledger.buying_power),
        "regt_buying_power": number(ledger.buying_power),
        "non_marginable_buying_power": number(max(ledger.cash - ledger.reserved, Decimal(0))),
        "cash": number(ledger.cash),
        "accrued_fees": "0",
        "portfolio_value": number(ledger.equity),
        "trading_blocked": ledger.blocked,
        "transfers_blocked": False,
        "account_blocked": False,
        "created_at": "2024-01-02T15:04:05.123456Z",
        "trade_suspended_by_user": ledger.blocked,
        "multiplier": str(ledger.multiplier),
        "shorting_enabled": ledger.shorting_enabled,
        "equity": number(ledger.equity),
        "last_equity": number(ledger.equity),
        "long_market_value": number(longs),
        "short_market_value": number(shorts),
        "initial_margin": number((longs - shorts) / 2),
        "maintenance_margin": number((longs - shorts) * Decimal("0.3")),
        "last_maintenance_margin": "0",
        "sma": "0",
    }


def order(taken: Taken) -> dict[str, Any]:
    ended: dict[str, str | None] = {
        f"{name}_at": None for name in ("filled", "expired", "canceled", "failed", "replaced")
    }
    stamp = {"rejected": "failed"}.get(taken.status, taken.status)
    if taken.ended_at is not None:
        ended[f"{stamp}_at"] = moment(taken.ended_at)
    average = number(taken.spent / taken.filled) if taken.filled else None
    return {
        "id": taken.id,
        "client_order_id": taken.client_order_id,
        "created_at": moment(taken.submitted_at),
        "updated_at": moment(taken.updated_at or taken.submitted_at),
        "submitted_at": moment(taken.submitted_at),
        **ended,
        "replaced_by": None,
        "replaces": None,
        "asset_id": _asset_id(taken.symbol),
        "symbol": taken.symbol,
        "asset_class": "us_equity",
        "notional": None,
        "qty": number(taken.quantity),
        "filled_qty": number(taken.filled),
        "filled_avg_price": average,
        "order_class": "",
        "order_type": taken.type,
        "type": taken.type,
        "side": taken.side,
        "time_in_force": taken.time_in_force,
        "limit_price": None if taken.limit_price is None else number(taken.limit_price),
        "stop_price": None,
        "status": taken.status,
        "extended_hours": False,
        "legs": None,
        "trail_percent": None,
        "trail_price": None,
        "hwm": None,
        "position_intent": f"{taken.side}_to_{'open' if taken.side == 'buy' else 'close'}",
    }


def position(ledger: Ledger, symbol: str) -> dict[str, Any]:
    held = ledger.positions[symbol]
    price = ledger.prices.get(symbol, held.average)
    basis = held.quantity * held.average
    queued = sum((o.left for o in ledger.orders.values() if o.open and o.symbol == symbol), Decimal(0))
    return {
        "asset_id": _asset_id(symbol),
        "symbol": symbol,
        "exchange": "ARCA",
        "asset_class": "us_equity",
        "asset_marginable": True,
        "qty": number(held.quantity),
        "qty_available": number(held.quantity - queued),
        "avg_entry_price": number(held.average),
        "side": "long" if held.quantity > 0 else "short",
        "market_value": number(held.quantity * price),
        "cost_basis": number(basis),
        "unrealized_pl": number(held.quantity * price - basis),
        "unrealized_plpc": number((held.quantity * price - basis) / abs(basis) if basis else Decimal(0)),
        "unrealized_intraday_pl": "0",
        "unrealized_intraday_plpc": "0",
        "current_price": number(price),
        "lastday_price": number(price),
        "change_today": "0",
    }


def activity(one: Activity) -> dict[str, Any]:
    if one.order is not None:
        return {
            "id": one.id,
            "activity_type": one.kind,
            "transaction_time": moment(one.at),
            "type": "fill" if one.cumulative == one.order.quantity else "partial_fill",
            "price": number(one.price),
            "qty": number(one.quantity),
            "side": one.side,
            "symbol": one.symbol,
            "leaves_qty": number(one.order.quantity - one.cumulative),
            "order_id": one.order.id,
            "cum_qty": number(one.cumulative),
            "order_status": one.order.status,
        }
    told: dict[str, Any] = {
        "id": one.id,
        "activity_type": one.kind,
        "date": f"{one.at.astimezone(NEW_YORK):%Y-%m-%d}",
        "net_amount": number(one.amount),
        "status": "executed",
        "description": "",
    }
    if one.symbol is not None:
        told |= {"symbol": one.symbol, "qty": number(one.quantity), "per_share_amount": number(one.price)}
    return told


def asset(ledger: Ledger, symbol: str) -> dict[str, Any]:
    return {
        "id": _asset_id(symbol),
        "class": "us_equity",
        "exchange": "ARCA",
        "symbol": symbol,
        "name": f"{symbol} Fund",
        "status": "active",
        "tradable": True,
        "marginable": True,
        "maintenance_margin_requirement": 30,
        "shortable": ledger.shorting_enabled,
        "easy_to_borrow": ledger.shorting_enabled,
        "fractionable": symbol not in ledger.not_fractionable,
        "attributes": [],
    }


def clock(market: MarketClock) -> dict[str, Any]:
    return {
        "timestamp": local(market.now()),
        "is_open": market.is_open,
        "next_open": local(market.next_open()),
        "next_close": local(market.next_close()),
    }


def calendar(first: date, last: date) -> list[dict[str, str]]:
    return [
        {
            "date": f"{day}",
            "open": "09:30",
            "close": f"{session_close(day).astimezone(NEW_YORK):%H:%M}",
            "session_open": "0400",
            "session_close": "2000",
            "settlement_date": f"{day}",
        }
        for day in sessions_between(first, last)
    ]


def number(amount: Decimal) -> str:
    """Without exponent and without zeros at the end."""
    text = f"{amount.normalize():f}" if amount else "0"
    whole, _, rest = text.partition(".")
    return f"{whole}.{rest[:9]}" if rest[:9].strip("0") else whole


def moment(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}000Z"


def local(when: datetime) -> str:
    there = when.astimezone(NEW_YORK)
    zone = f"{there:%z}"
    return f"{there:%Y-%m-%dT%H:%M:%S.%f}000{zone[:3]}:{zone[3:]}"


def _asset_id(symbol: str) -> str:
    return str(uuid5(NAMESPACE_DNS, symbol))
