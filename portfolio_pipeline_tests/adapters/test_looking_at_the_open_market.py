"""Looking while the market is open: orders followed and the account marked, with a broker that says what it is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pandas as pd
import pytest

from portfolio_pipeline.adapters.acts.following import Followed, follow, market_hours
from portfolio_pipeline.adapters.acts.marking import NothingToMark, mark_account
from portfolio_pipeline.adapters.alerts.remembered import RememberedAlerts
from portfolio_pipeline.adapters.locks import open_locks
from portfolio_pipeline.adapters.noted_orders import noted_orders
from portfolio_pipeline.adapters.wiring import Wiring
from portfolio_pipeline.core.books.book import SHARE
from portfolio_pipeline.core.books.fills import Fill
from portfolio_pipeline.core.calendar.sessions import SessionRange, session_close, session_open
from portfolio_pipeline.core.execution.attempts import Attempt
from portfolio_pipeline.core.execution.orders import client_order_id
from portfolio_pipeline.core.execution.rejects import Rejects
from portfolio_pipeline.core.execution.rows import attempt_rows, fill_rows
from portfolio_pipeline.core.execution.settings import Orders
from portfolio_pipeline.core.execution.tickets import Order, OrderState
from portfolio_pipeline.core.market.quotes import Quote
from portfolio_pipeline.core.risk.settings import Limits
from portfolio_pipeline.core.risk.states.rows import state_rows
from portfolio_pipeline.core.risk.states.standing import Standing
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.ports import Alert, Broker, Warehouse
from portfolio_pipeline_tests.adapters.test_orders_by_hand import account_row, fill, position_row, price_row, weight_row
from portfolio_pipeline_tests.fakes.alerts import RecordedAlerts
from portfolio_pipeline_tests.fakes.clock import FixedClock
from portfolio_pipeline_tests.trading import OPEN, settings

BEFORE, DAY, NEXT = date(2026, 3, 4), date(2026, 3, 5), date(2026, 3, 6)
OPENS = session_open(NEXT).replace(tzinfo=UTC)
NOON = OPENS + timedelta(hours=2)
AT = NOON.replace(tzinfo=None)
HOUSE = settings(limits=Limits(symbol=0.6, turnover=2.0, asset_class=OPEN))
BOUGHT = Order(DAY, client_order_id("PAPER", DAY, "AAA", 10 * SHARE), "AAA", 10 * SHARE)
SOLD = Order(DAY, client_order_id("PAPER", DAY, "BBB", -5 * SHARE), "BBB", -5 * SHARE)


@dataclass
class Floor:
    """A broker on whose floor orders stand as they are put there; `reports` notes what has changed, as adapters do."""

    warehouse: Warehouse
    mode: str = "PAPER"
    states: dict[str, tuple[OrderState, int]] = field(default_factory=dict)
    executed: list[Fill] = field(default_factory=list)
    asked: list[tuple[object, ...]] = field(default_factory=list)

    def reports(self, sessions: SessionRange) -> tuple[object, ...]:
        self.asked.append(("reports", sessions.first, sessions.last))
        for name, (state, filled) in self.states.items():
            note(self.warehouse, name, state, filled)
        return ()

    def fills(self, sessions: SessionRange, *, so_far: bool = False) -> tuple[Fill, ...]:
        self.asked.append(("fills", sessions.first, sessions.last, so_far))
        return tuple(sorted(self.executed, key=lambda one: (one.session, one.fill_id)))

    def execute(self, order: Order, shares: int, price: float = 100.0) -> None:
        number = len(self.executed) + 1
        units = shares * SHARE if order.quantity > 0 else -shares * SHARE
        self.executed.append(Fill(NEXT, f"f{number}", order.client_order_id, order.symbol, units, price, 0, AT))
        filled = sum(abs(one.quantity) for one in self.executed if one.client_order_id == order.client_order_id)
        whole = filled == abs(order.quantity)
        state = OrderState.FILLED if whole else OrderState.PARTIALLY_FILLED
        self.states[order.client_order_id] = (state, filled)


def note(warehouse: Warehouse, name: str, state: OrderState, filled: int = 0, error: str | None = None) -> None:
    """One note more on an order, where it is another than the last."""
    last = attempts(warehouse)[name]
    if (last.state, last.filled_quantity) != (state, filled):
        put(warehouse, replace(last, number=last.number + 1, state=state, filled_quantity=filled, error=error))


def put(warehouse: Warehouse, *notes: Attempt) -> None:
    with warehouse.transaction() as tx:
        tx.insert("order_attempts", attempt_rows(notes))


def attempts(warehouse: Warehouse) -> dict[str, Attempt]:
    return {one.order.client_order_id: one for one in noted_orders(warehouse, SessionRange(BEFORE, NEXT))}


def sent(order: Order, state: OrderState = OrderState.ACCEPTED, filled: int = 0) -> Attempt:
    return Attempt(order, 1, state, AT - timedelta(hours=9), "b1", filled)


@pytest.fixture
def floor(duckdb_warehouse: Warehouse) -> Floor:
    """alpha is to have 10 AAA, and has 5 BBB to sell; its orders are sent, and stand."""
    house = duckdb_warehouse
    fill(house, "positions", *(position_row(DAY, one, "BBB", 5.0, 40.0) for one in ("account", "alpha")))
    books = [account_row(DAY, book, 9_800.0, 10_000.0) for book in ("account", "alpha")]
    fill(house, "account", *books, account_row(DAY, "reserve", 0.0, 0.0))
    fill(house, "prices", price_row(DAY, "AAA", 100.0), price_row(DAY, "BBB", 40.0))
    fill(house, "strategy_weights", weight_row(DAY, "alpha", 1.0))
    wanted = {"AAA": 0.1, "BBB": 0.0}
    rows = [{"session": DAY, "strategy": "alpha", "symbol": s, "weight": w, "decided": True} for s, w in wanted.items()]
    fill(house, "strategy_targets", *rows)
    rest = {"reason": "", "scale": 1.0, "aim": None, "sleeve": 0.0}
    named = ("requested_weight", "weight", "unresponded_weight")
    fill(
        house,
        "aggregated_targets",
        *({"session": DAY, "symbol": s, **dict.fromkeys(named, w), **rest} for s, w in wanted.items()),
    )
    put(house, sent(BOUGHT), sent(SOLD))
    return Floor(house)


def look(floor: Floor, now: datetime = NOON, house: Settings = HOUSE, told: RecordedAlerts | None = None) -> Followed:
    alerts = told or RecordedAlerts()
    return follow(cast(Broker, floor), floor.warehouse, FixedClock(now), alerts, house)


def stored(floor: Floor, table: str) -> pd.DataFrame:
    return floor.warehouse.read(table).to_pandas()


@pytest.mark.parametrize(
    ("now", "session"),
    [
        (OPENS - timedelta(seconds=1), None),
        (OPENS, NEXT),
        (session_close(NEXT), NEXT),
        (session_close(NEXT) + timedelta(minutes=15), NEXT),
        (session_close(NEXT) + timedelta(minutes=15, seconds=1), None),
        (NOON + timedelta(days=1), None),
        (datetime(2026, 7, 3, 16, tzinfo=UTC), None),
        (datetime(2026, 11, 27, 17, 30, tzinfo=UTC), date(2026, 11, 27)),
        (datetime(2026, 11, 27, 18, 30, tzinfo=UTC), None),
    ],
    ids=["before", "open", "close", "last executions", "over", "Saturday", "a holiday", "half a day", "its afternoon"],
)
def test_market_hours_are_from_the_open_until_the_last_executions_are_in(now: datetime, session: date | None) -> None:
    assert market_hours(now) == session


def test_what_is_executed_is_in_fills_and_in_the_books_trades(floor: Floor) -> None:
    floor.execute(BOUGHT, 4, 101.0)
    found = look(floor)
    assert (found.session, found.noted, found.executions, found.new_executions) == (NEXT, 1, 1, 1)
    assert [one.order for one in found.open] == [BOUGHT, SOLD]
    assert found.in_words() == f"{NEXT}: orders: 1 accepted, 1 partially filled; 1 executions, 1 of them new"
    trades = stored(floor, "trades")
    assert sorted(zip(trades["book"], trades["quantity"], strict=True)) == [("account", 4.0), ("alpha", 4.0)]
    floor.execute(BOUGHT, 6, 102.0)
    floor.execute(SOLD, 5, 39.0)
    again = look(floor)
    assert (again.noted, again.executions, again.new_executions, again.open) == (2, 3, 2, ())
    assert again.in_words() == f"{NEXT}: orders: 2 filled; 3 executions, 2 of them new"
    assert sorted(stored(floor, "fills")["fill_id"]) == ["f1", "f2", "f3"]
    assert stored(floor, "trades").groupby(["book", "symbol"])["quantity"].sum().to_dict() == {
        (book, symbol): shares for book in ("account", "alpha") for symbol, shares in {"AAA": 10.0, "BBB": 5.0}.items()
    }
    assert floor.asked.count(("fills", NEXT, NEXT, True)) == 2


def test_where_nothing_is_new_nobody_is_asked_for_executions(floor: Floor) -> None:
    floor.execute(BOUGHT, 4)
    look(floor)
    floor.asked.clear()
    found = look(floor)
    assert (found.noted, found.executions, found.new_executions) == (0, 1, 0)
    assert [what for what, *_ in floor.asked] == ["reports"]
    assert "new" not in found.in_words()


def test_where_every_order_is_over_the_broker_is_not_asked_at_all(floor: Floor) -> None:
    for order in (BOUGHT, SOLD):
        note(floor.warehouse, order.client_order_id, OrderState.CANCELED)
    assert look(floor).open == ()
    assert not floor.asked


def test_where_there_are_no_orders_there_is_nothing_to_follow(duckdb_warehouse: Warehouse) -> None:
    found = look(Floor(duckdb_warehouse))
    assert (found.orders, found.told) == ((), ())
    assert found.in_words().endswith("orders: none; 0 executions")


def test_executions_of_others_lie_beside_the_strategies(floor: Floor) -> None:
    floor.execute(BOUGHT, 10)
    floor.executed.append(Fill(NEXT, "x", "somebody-else", "CCC", 3 * SHARE, 7.0, 0, AT))
    assert look(floor).new_executions == 2
    trades = stored(floor, "trades")
    assert sorted(trades[trades["symbol"] == "CCC"]["book"]) == ["account", "unclaimed"]
    assert sorted(trades[trades["symbol"] == "AAA"]["book"]) == ["account", "alpha"]


def test_what_the_broker_takes_back_of_an_execution_is_taken_back_here(floor: Floor) -> None:
    floor.execute(BOUGHT, 10, 101.0)
    look(floor)
    floor.executed[:] = []
    floor.execute(BOUGHT, 9, 101.0)
    assert look(floor).new_executions == 0
    assert stored(floor, "fills")["quantity"].tolist() == [9.0]


def test_once_the_evening_has_recorded_the_session_its_executions_stay_as_they_are(floor: Floor) -> None:
    fill(floor.warehouse, "account", *(account_row(NEXT, book, 9_800.0, 10_000.0) for book in ("account", "alpha")))
    floor.execute(BOUGHT, 4)
    found = look(floor, session_close(NEXT) + timedelta(minutes=5))
    assert found.new_executions == 0
    assert not len(stored(floor, "fills"))


def test_until_the_evening_has_recorded_a_session_its_orders_are_followed_after_the_close(floor: Floor) -> None:
    floor.execute(BOUGHT, 4)
    found = look(floor, session_close(NEXT) + timedelta(minutes=5))
    assert (found.session, found.new_executions) == (NEXT, 1)


def test_who_is_told_is_told_once_and_that_it_is_settled_as_well(floor: Floor) -> None:
    note(floor.warehouse, BOUGHT.client_order_id, OrderState.REJECTED, error="insufficient buying power")
    told: list[str] = []

    class Me:
        def send(self, alert: Any) -> None:
            told.append(f"{alert.severity}: {alert.title}")

    now = [NOON]
    alerts = RememberedAlerts(lambda: floor.warehouse, {"me": Me()}, {"me": "low"}, lambda: now[0])
    look(floor, told=cast(RecordedAlerts, alerts))
    look(floor, told=cast(RecordedAlerts, alerts))
    assert told == [f"high: Order buy AAA of {DAY} is rejected"]
    note(floor.warehouse, BOUGHT.client_order_id, OrderState.ACCEPTED)
    now[0] += timedelta(minutes=1)
    look(floor, told=cast(RecordedAlerts, alerts))
    [row] = stored(floor, "alerts").to_dict("records")
    assert row["over_at"] == now[0].replace(tzinfo=None)
    alerts.send(Alert("high", "title", "message", "something else"))
    now[0] += timedelta(minutes=1)
    look(floor, told=cast(RecordedAlerts, alerts))
    rows = stored(floor, "alerts").set_index("about")
    assert pd.isna(rows["over_at"]["something else"])  # no matter of orders


@pytest.mark.parametrize(("policy", "count"), [("alert", 1), ("skip", 0)])
def test_the_settings_say_whether_an_order_that_was_not_carried_out_is_told(
    floor: Floor, policy: str, count: int
) -> None:
    note(floor.warehouse, SOLD.client_order_id, OrderState.EXPIRED)
    house = settings(orders=Orders(rejects=Rejects(leftover=policy)), limits=HOUSE.limits)  # type: ignore[arg-type]
    assert len(look(floor, house=house).told) == count


@pytest.mark.parametrize(
    ("state", "minutes", "count"),
    [
        (OrderState.ACCEPTED, 16, 2),
        (OrderState.ACCEPTED, 15, 0),
        (OrderState.PARTIALLY_FILLED, 16, 2),
        (OrderState.SUBMITTING, 15, 2),  # of which nobody knows, however late
        (OrderState.FILLED, 16, 0),
    ],
)
def test_an_order_that_stands_after_its_session_is_told(
    floor: Floor, state: OrderState, minutes: int, count: int
) -> None:
    for order in (BOUGHT, SOLD):
        note(floor.warehouse, order.client_order_id, state)
    now = session_close(NEXT) + timedelta(minutes=minutes)
    assert len(look(floor, now).told) == count


def test_orders_of_earlier_sessions_are_told_while_they_are_the_last_but_one_and_not_for_ever(floor: Floor) -> None:
    old = replace(BOUGHT, session=BEFORE, client_order_id="PAPER-account-20260304-AAA-buy-1-x")
    older = replace(BOUGHT, session=date(2026, 3, 3), client_order_id="PAPER-account-20260303-AAA-buy-1-x")
    put(floor.warehouse, sent(old, OrderState.REJECTED), sent(older, OrderState.REJECTED))
    assert [one.title for one in look(floor).told] == [f"Order buy AAA of {BEFORE} is rejected"]


@dataclass
class Tape:
    """Market data with quotes."""

    prices: Mapping[str, Quote] = field(default_factory=dict)
    asked: list[list[str]] = field(default_factory=list)

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        self.asked.append(list(symbols))
        return self.prices


def wired(floor: Floor, tape: object, now: datetime = NOON, *, is_real: bool = True) -> Any:
    return SimpleNamespace(
        clock=FixedClock(now),
        is_real=is_real,
        environment=SimpleNamespace(trading_mode="PAPER", market_data="alpaca"),
        market_data=tape,
        warehouse=floor.warehouse,
        locks=open_locks(f"duckdb:///{floor.warehouse.location}"),
        broker=floor,
        settings=HOUSE,
        alerts=RecordedAlerts(),
    )


def quote(price: float) -> Quote:
    return Quote(price, price, AT)


def marks(floor: Floor) -> dict[str, tuple[float, float]]:
    rows = floor.warehouse.read("intraday_marks").to_pylist()
    return {row["scope"]: (row["market_value"], row["day_pnl"]) for row in rows}


def test_the_account_is_what_was_held_and_what_was_executed_since_at_quotes(floor: Floor) -> None:
    floor.execute(BOUGHT, 4, 100.0)
    tape = Tape({"AAA": quote(110.0), "BBB": quote(41.0)})
    house = wired(floor, tape)
    marked, breaches = mark_account(cast(Wiring, house))
    assert marks(floor) == {"AAA": (440.0, 40.0), "BBB": (205.0, 5.0), "ACCOUNT": (10_045.0, 45.0)}
    assert (marked.session, marked.marked_at, breaches) == (NEXT, AT, ())
    assert tape.asked == [["AAA", "BBB"]]
    assert floor.asked == [("fills", NEXT, NEXT, True)]
    assert house.alerts.ended == ["intraday_limits"]
    assert house.locks.holder("account") is None


def test_people_are_told_of_a_limit_that_is_passed_and_of_which(floor: Floor) -> None:
    house = wired(floor, Tape({"BBB": quote(53.0)}))
    house.settings = settings(limits=Limits(symbol=0.021, turnover=2.0, asset_class=OPEN, tolerance=0.001))
    _, breaches = mark_account(cast(Wiring, house))
    assert [one.rule for one in breaches] == ["symbol"]
    [alert] = house.alerts.sent
    assert (alert.severity, alert.about) == ("high", "intraday_limits")
    assert "past symbol of BBB (0.021)" in alert.message
    assert not house.alerts.ended


@pytest.mark.parametrize(
    ("now", "found"),
    [
        (OPENS - timedelta(seconds=1), "MARKET_CLOSED: found=09:29 in New York"),
        (session_close(NEXT), "MARKET_CLOSED: found=16:00 in New York"),
        (NOON + timedelta(days=1), "MARKET_CLOSED: found=Saturday 2026-03-07: weekend"),
    ],
)
def test_nothing_is_marked_while_the_market_is_closed(floor: Floor, now: datetime, found: str) -> None:
    with pytest.raises(NothingToMark) as refusal:
        mark_account(cast(Wiring, wired(floor, Tape(), now)))
    assert found in str(refusal.value)
    assert not marks(floor)


def test_it_is_marked_from_the_open_on(floor: Floor) -> None:
    mark_account(cast(Wiring, wired(floor, Tape(), OPENS)))
    assert marks(floor)["ACCOUNT"] == (10_000.0, 0.0)


def test_nothing_is_marked_that_is_made_up_or_has_no_quotes_or_no_account(
    floor: Floor, duckdb_warehouse: Warehouse
) -> None:
    with pytest.raises(NothingToMark, match="TRADING_IS_MADE_UP: found=PAPER"):
        mark_account(cast(Wiring, wired(floor, Tape(), is_real=False)))
    with pytest.raises(NothingToMark, match="NO_QUOTES: found=alpaca"):
        mark_account(cast(Wiring, wired(floor, object())))
    with duckdb_warehouse.transaction() as tx:
        tx.execute("delete from account")
    with pytest.raises(NothingToMark, match="NO_ACCOUNT_YET"):
        mark_account(cast(Wiring, wired(floor, Tape())))


def test_who_is_at_work_on_the_account_is_waited_for(floor: Floor) -> None:
    house = wired(floor, Tape())
    lock = house.locks.take("account", "somebody else")
    with pytest.raises(NothingToMark, match="AT_WORK"):
        mark_account(cast(Wiring, house))
    lock.release()
    mark_account(cast(Wiring, house))


def test_an_account_without_holdings_asks_for_no_quotes(floor: Floor) -> None:
    with floor.warehouse.transaction() as tx:
        tx.execute("delete from positions")
    tape = Tape()
    mark_account(cast(Wiring, wired(floor, tape)))
    assert (tape.asked, marks(floor)["ACCOUNT"]) == ([], (9_800.0, 0.0))


def test_the_peak_that_counts_is_that_of_the_accounts_own_state(floor: Floor) -> None:
    calm = replace(Standing(), peak=20_000.0)
    rows = state_rows([(DAY, "account", calm)], "account")
    floor.warehouse.replace("risk_states", SessionRange.single(DAY), rows, where={"level": "account"})
    marked, _ = mark_account(cast(Wiring, wired(floor, Tape())))
    assert marked.drawdown == pytest.approx(-0.5)


def test_a_fill_that_is_stored_of_an_order_of_others_does_not_count_as_executed(floor: Floor) -> None:
    """What is known of the house's own orders decides whether the broker is asked."""
    other = Fill(NEXT, "x", "somebody-else", "CCC", 4 * SHARE, 7.0, 0, AT)
    floor.warehouse.replace("fills", SessionRange.single(NEXT), fill_rows([other]))
    floor.executed.append(other)
    floor.execute(BOUGHT, 4)
    assert look(floor).new_executions == 1
