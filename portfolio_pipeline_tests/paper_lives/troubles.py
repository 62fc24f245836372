"""What can happen to an account, each one entry of a table: when it happens, how often, and what it does.

Nothing here knows what the house makes of it. What others bring into the account or take out of it is reckoned beside,
in `theirs`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal, get_args

from portfolio_pipeline.adapters.acts.orders_by_hand import cancel_orders, say_about_orders
from portfolio_pipeline.core.books.book import SHARE
from portfolio_pipeline.core.calendar.sessions import next_session
from portfolio_pipeline.core.errors import PortfolioError
from portfolio_pipeline.core.execution.by_hand.instructions import Kind as Word
from portfolio_pipeline.core.execution.by_hand.saying import Asked
from portfolio_pipeline_tests.adapters.alpaca.lives import Death
from portfolio_pipeline_tests.fakes.alpaca.faults import Fault, Kind
from portfolio_pipeline_tests.fakes.alpaca.ledger import Held, Ledger, Quote, Taken
from portfolio_pipeline_tests.fakes.alpaca.server import AlpacaServer
from portfolio_pipeline_tests.paper_lives.desk import DAYS, Desk
from portfolio_pipeline_tests.trading import PLAN_KEY, STRATEGIES

FAULTS: tuple[Kind, ...] = tuple(kind for kind in get_args(Kind) if kind not in ("latency", "unauthorized"))
STRANGER = "ZZZ"
"""A symbol that the house does not know."""
_SAID: tuple[Word, ...] = ("order", "order", "order", "sell_all", "close", "withdraw")
When = Literal["evening", "between", "night", "open", "day"]


@dataclass
class Play:
    """How a session is played."""

    quotes: dict[str, Quote]
    filled_share: dict[str, float] = field(default_factory=dict)
    rejected: set[str] = field(default_factory=set)
    pieces: int = 1

    def splits(self, symbol: str) -> Decimal:
        return self.quotes[symbol].split if symbol in self.quotes else Decimal(1)


@dataclass
class Scene:
    """Where trouble happens: the account, who draws, and what others have in it."""

    draw: random.Random
    server: AlpacaServer
    desk: Desk
    session: date
    theirs: dict[str, Decimal] = field(default_factory=dict)
    coming: dict[str, Decimal] = field(default_factory=dict)
    """What they have traded since the close: it is of the next session."""
    accepted: dict[str, tuple[date, Decimal]] = field(default_factory=dict)
    """Of that, what was accepted in an evening: the books take it in with the next session."""
    play: Play = field(default_factory=lambda: Play({}))
    ahead: float = 0.0
    """So many seconds the clock in the house is fast."""
    away: bool = False
    split: set[str] = field(default_factory=set)
    """Symbols of which only the broker knows that they were split: nobody else acts in them until that is seen."""

    @property
    def ledger(self) -> Ledger:
        return self.server.ledger

    def symbol(self) -> str:
        return self.draw.choice([one for one in self.desk.settings.symbols if one not in self.split])

    def brought(self, symbol: str, quantity: Decimal) -> None:
        self.theirs[symbol] = self.theirs.get(symbol, Decimal(0)) + quantity

    def left_again(self, symbol: str) -> None:
        """The last word on a symbol counts for all of it that the books have not taken in yet."""
        evening, quantity = self.accepted.pop(symbol, (self.session, Decimal(0)))
        if evening == self.session and quantity:
            self.coming[symbol] = self.coming.get(symbol, Decimal(0)) + quantity
        elif quantity and next_session(evening) == self.session:
            self.brought(symbol, quantity)

    def ours(self) -> list[Taken]:
        """Our orders that are open."""
        return [one for one in self.ledger.orders.values() if one.open and one.client_order_id.startswith("PAPER-")]

    def cleared(self) -> None:
        """Answers come again, the clock is right, the account may trade."""
        self.server.faults.clear()
        self.ledger.hide_orders_for = self.ledger.hide_activities_for = 0
        self.ledger.blocked, self.ahead = False, 0.0
        self.desk.switch.lift()


@dataclass(frozen=True)
class Trouble:
    when: When
    chance: float
    happens: Callable[[Scene], None]


# In the evening, before the house is at work


def _faults(scene: Scene) -> None:
    draw = scene.draw
    for _ in range(draw.choice([1, 2, 3])):
        method = draw.choice(["POST", "POST", "GET", "GET", "DELETE"])
        path = "/v2" if method == "GET" else "/v2/orders"
        times, skip = draw.choice([1, 1, 2, 5]), draw.randrange(4 if method == "POST" else 20)
        scene.server.faults.append(Fault(draw.choice(FAULTS), method, path, times, skip, seconds=0.05))


def _orders_are_seen_late(scene: Scene) -> None:
    scene.ledger.hide_orders_for = scene.draw.choice([1, 2, 6])


def _blocked(scene: Scene) -> None:
    scene.ledger.blocked = True


def _wrong_clock(scene: Scene) -> None:
    scene.ahead = scene.draw.choice([-90.0, 7.0, 3600.0])


def _halted(scene: Scene) -> None:
    scene.desk.switch.throw("somebody is worried", scene.desk.moment)


def _away(scene: Scene) -> None:
    """Nobody is at work; but for the first evening, with which the account begins."""
    scene.away = scene.session != DAYS[0] and not scene.split


# What others do: in the evening, between two tries of the house, while the market is open


def _trades_by_hand(scene: Scene) -> None:
    """While the market is open, or after it has closed."""
    symbol, price = scene.draw.choice([(scene.symbol(), 123.45), (STRANGER, 50.0), (scene.symbol(), 67.8912)])
    held = int(scene.ledger.shares().get(symbol, Decimal(0)))
    quantity = scene.draw.choice([1, 5, 40, -min(held, 3), -(held // 2)])
    if not quantity:
        return
    scene.ledger.foreign(symbol, quantity, price)
    if scene.server.clock.is_open:
        scene.brought(symbol, Decimal(quantity))
    else:
        scene.coming[symbol] = scene.coming.get(symbol, Decimal(0)) + quantity


def _shares_come(scene: Scene) -> None:
    symbol, quantity = scene.draw.choice([scene.symbol(), STRANGER]), Decimal(scene.draw.choice(["7", "2.5"]))
    held = scene.ledger.positions.setdefault(symbol, Held(Decimal(0), Decimal(90)))
    held.quantity += quantity
    scene.brought(symbol, quantity)


def _shares_go(scene: Scene) -> None:
    held = sorted(
        symbol for symbol, amount in scene.ledger.shares().items() if amount >= 2 and symbol not in scene.split
    )
    if held:
        symbol = scene.draw.choice(held)
        scene.ledger.positions[symbol].quantity -= 1
        scene.brought(symbol, Decimal(-1))


def _money_comes(scene: Scene) -> None:
    scene.ledger.note("CSD", amount=Decimal("1234.56"))


def _money_that_nothing_explains(scene: Scene) -> None:
    scene.ledger.cash += Decimal(scene.draw.choice(["250.75", "-99.99"]))


def _an_order_of_others(scene: Scene) -> None:
    ledger = scene.ledger
    order = Taken(ledger.new_id("order"), f"by-hand-{len(ledger.orders)}", scene.symbol(), "buy", Decimal(3), "limit",
                  Decimal("0.01"), "gtc", ledger.clock.now())  # fmt: skip
    ledger.take(order)


def _a_person_orders(scene: Scene) -> None:
    """For a strategy, with the session that has closed; what cannot be is refused."""
    kind = scene.draw.choice(_SAID)
    quantity = scene.draw.choice([3, 8, -2]) * SHARE if kind == "order" else None
    asked = Asked(kind, "so it is", "me", scene.draw.choice(STRATEGIES), scene.symbol(), quantity,
                  withdraws=scene.draw.randint(1, 4))  # fmt: skip
    with suppress(PortfolioError):
        desk = scene.desk
        say_about_orders(desk.warehouse(), desk.settings, STRATEGIES, asked, desk.moment, PLAN_KEY)


# At night


def _a_person_cancels(scene: Scene) -> None:
    """By the house, and through faults."""
    names = [one.client_order_id for one in scene.ours()]
    chosen = scene.draw.sample(names, scene.draw.randint(0, len(names)))
    if scene.draw.random() < 0.3:
        scene.server.faults.append(Fault(scene.draw.choice(FAULTS), "DELETE", seconds=0.05))
    warehouse = scene.desk.warehouse()
    if chosen:
        with suppress(PortfolioError):
            broker = scene.desk.broker(warehouse)
            cancel_orders(warehouse, broker, chosen, "so it is", "me", scene.desk.moment, PLAN_KEY)
    scene.server.faults.clear()


def _others_cancel(scene: Scene) -> None:
    ours = scene.ours()
    if ours:
        scene.ledger.cancel(scene.draw.choice(ours))


# In the session


def _a_split_that_prices_do_not_have(scene: Scene) -> None:
    held = sorted(
        symbol
        for symbol, amount in scene.ledger.shares().items()
        if amount > 4 and symbol not in {*scene.theirs, *scene.coming, STRANGER} and scene.play.splits(symbol) == 1
    )
    if held:
        symbol, ratio = scene.draw.choice(held), scene.draw.choice([2, 3])
        position = scene.ledger.positions[symbol]
        position.quantity, position.average = position.quantity * ratio, position.average / ratio
        scene.split.add(symbol)


def _partly(scene: Scene) -> None:
    scene.play.filled_share |= {symbol: scene.draw.choice([1, 0.5, 0.3, 0]) for symbol in scene.desk.settings.symbols}


def _rejected(scene: Scene) -> None:
    scene.play.rejected.add(scene.symbol())


def _halted_symbol(scene: Scene) -> None:
    """It does not trade at the open; orders of it stand until the close."""
    scene.play.filled_share[scene.symbol()] = 0


def _in_pieces(scene: Scene) -> None:
    scene.play.pieces = 3


def _executions_are_told_late(scene: Scene) -> None:
    scene.ledger.hide_activities_for = scene.draw.choice([1, 2])


def _followed(scene: Scene) -> None:
    with suppress(PortfolioError):
        scene.desk.follow()


def _followed_through_faults(scene: Scene) -> None:
    scene.server.faults.append(Fault(scene.draw.choice(FAULTS), "GET", "/v2", 2, scene.draw.randrange(8), 0.05))
    _followed(scene)
    scene.server.faults.clear()


def _more_is_executed(scene: Scene) -> None:
    for order in scene.ours():
        part = (order.left * Decimal(str(scene.draw.choice([0, 0.5, 1])))) // 1
        scene.ledger.execute(order, part, scene.ledger.prices[order.symbol] + Decimal("0.0123"))


def _a_cancel_races_an_execution(scene: Scene) -> None:
    """The order is executed, wholly or in part, when it has been asked for and before it is answered."""
    ours = scene.ours()
    if not ours:
        return
    order = scene.draw.choice(ours)
    part = order.left if scene.draw.random() < 0.5 else (order.left / 2) // 1
    price = scene.ledger.prices[order.symbol]

    def strike(asked: object) -> None:
        if getattr(asked, "method", "") == "DELETE" and order.open:
            with scene.server.lock:
                scene.ledger.execute(order, min(part, order.left), price)

    scene.server.before_each = strike
    warehouse = scene.desk.warehouse()
    with suppress(PortfolioError):
        broker, name = scene.desk.broker(warehouse), order.client_order_id
        cancel_orders(warehouse, broker, [name], "so it is", "me", scene.desk.moment, PLAN_KEY)
    scene.server.before_each = lambda asked: None


def _hours_go_by(scene: Scene) -> None:
    scene.server.clock.set(scene.server.clock.now() + timedelta(minutes=45))


TROUBLES: tuple[Trouble, ...] = (
    Trouble("evening", 0.45, _faults),
    Trouble("evening", 0.2, _orders_are_seen_late),
    Trouble("evening", 0.04, _blocked),
    Trouble("evening", 0.04, _wrong_clock),
    Trouble("evening", 0.04, _halted),
    Trouble("evening", 0.05, _away),
    Trouble("evening", 0.05, _trades_by_hand),
    Trouble("evening", 0.06, _shares_come),
    Trouble("evening", 0.04, _shares_go),
    Trouble("evening", 0.05, _money_comes),
    Trouble("evening", 0.04, _money_that_nothing_explains),
    Trouble("evening", 0.05, _an_order_of_others),
    Trouble("evening", 0.2, _a_person_orders),
    Trouble("between", 0.02, _trades_by_hand),
    Trouble("between", 0.02, _shares_come),
    Trouble("between", 0.03, _money_comes),
    Trouble("between", 0.02, _an_order_of_others),
    Trouble("night", 0.08, _a_person_cancels),
    Trouble("night", 0.05, _others_cancel),
    Trouble("open", 0.06, _a_split_that_prices_do_not_have),
    Trouble("open", 0.35, _partly),
    Trouble("open", 0.15, _rejected),
    Trouble("open", 0.1, _halted_symbol),
    Trouble("open", 0.3, _in_pieces),
    Trouble("open", 0.2, _executions_are_told_late),
    Trouble("day", 0.3, _followed),
    Trouble("day", 0.1, _followed_through_faults),
    Trouble("day", 0.15, _trades_by_hand),
    Trouble("day", 0.2, _more_is_executed),
    Trouble("day", 0.1, _a_cancel_races_an_execution),
    Trouble("day", 0.08, _others_cancel),
    Trouble("day", 0.3, _hours_go_by),
    Trouble("day", 0.2, _followed),
)


def _at_work(scene: Scene) -> bool:
    scene.desk.evening(scene.session)
    return True


def _killed(scene: Scene) -> bool:
    return scene.desk.in_a_process(scene.server, scene.session, _death(scene.draw)) == 0


def _two_at_once(scene: Scene) -> bool:
    return scene.desk.in_a_process(scene.server, scene.session, twice=True) == 0


WAYS: tuple[tuple[float, Callable[[Scene], bool]], ...] = ((0.82, _at_work), (0.12, _killed), (0.06, _two_at_once))
"""How the house is at work: to its end, killed on the way, or two processes at once; and whether it came through."""


def _death(draw: random.Random) -> Death:
    around = draw.choice(["write", "request"])
    return Death(around, draw.randint(1, 14 if around == "write" else 60), draw.random() < 0.5)
