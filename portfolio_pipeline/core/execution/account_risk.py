"""What the account's own book calls for, session by session: its real drawdown, and stops on what was really paid.

The portfolio's state follows from paper and is in the targets already. Here the book has its say: where the account has
lost more than the limit, it is liquidated though paper is better, and waits for paper as the portfolio does; where a
position has lost more than `position_stop` of its average price, it is sold at the next open, and not bought again for
the cool-down, or until no target has asked for it. Both only ever make targets smaller.

The account's peak begins anew whenever a re-entry begins, its own or the portfolio's: see `core.risk.states`.
Path-dependent: a range carries the book on, and each session goes on from the one before. Time: the state of session t
sees the book and the prices at t's close.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from portfolio_pipeline.core.books.book import Book, Position, value
from portfolio_pipeline.core.errors import SessionError
from portfolio_pipeline.core.execution.settings import TradingTerms
from portfolio_pipeline.core.market.bars import Bars
from portfolio_pipeline.core.portfolio.session_targets import SessionTargets
from portfolio_pipeline.core.risk.breaches import ONLY_REPORTED, Breach
from portfolio_pipeline.core.risk.cutting import no_larger
from portfolio_pipeline.core.risk.exposures import EPSILON
from portfolio_pipeline.core.risk.states.machine import Rule, next_standing
from portfolio_pipeline.core.risk.states.obeyed import beyond
from portfolio_pipeline.core.risk.states.of_portfolio import portfolio_rule
from portfolio_pipeline.core.risk.states.overrides import NONE_TAKEN, Overrides
from portfolio_pipeline.core.risk.states.rows import breaches_of
from portfolio_pipeline.core.risk.states.standing import Standing

ACCOUNT, ACCOUNT_DRAWDOWN, POSITION_STOP = "account", "account_drawdown", "position_stop"


def symbol_scope(symbol: str) -> str:
    return f"symbol:{symbol}"


@dataclass
class AccountWatch:
    """The account's standing and the stopped positions, carried on from `before`, by scope.

    `portfolio` are the portfolio's standings by session, and `giving_back` says in which sessions a strategy gives
    capital back. `stops` is what the regime leaves of the limit of a position's loss, by session; all of it elsewhere.
    """

    before: Mapping[str, Standing]
    portfolio: Mapping[date, Standing]
    giving_back: Mapping[date, bool] = field(default_factory=dict)
    overrides: Overrides = NONE_TAKEN
    stops: Mapping[date, float] = field(default_factory=dict)
    path: dict[date, dict[str, Standing]] = field(default_factory=dict)

    def answer(
        self,
        session: date,
        book: Book,
        targets: SessionTargets,
        previous: Mapping[str, float],
        bars: Bars,
        terms: TradingTerms,
    ) -> tuple[SessionTargets, tuple[Breach, ...]]:
        """What of the targets the book allows at this close, and what there is to say of it."""
        portfolio = self.portfolio.get(session)
        if portfolio is None:
            raise SessionError(
                "RISK_STATE_MISSING", session=session, remedy="Materialise aggregated_targets for it first."
            )
        found = [
            Breach(symbol, "targets_state", "block", weight, most, _beyond(symbol, weight, most, portfolio))
            for symbol, weight, most in beyond(targets.weights, targets.requested, previous, portfolio)
        ]
        rule = replace(portfolio_rule(terms.limits, terms.responses), name=ACCOUNT_DRAWDOWN)
        was = self.before.get(ACCOUNT)
        account = self._account(session, book, portfolio, rule)
        found += breaches_of(session, ACCOUNT, rule, was, account)
        stopped, told = self._stops(session, book, targets, bars, terms)
        self.path[session] = {ACCOUNT: account, **{symbol_scope(symbol): one for symbol, one in stopped.items()}}
        self.before = self.path[session]
        eased = portfolio.restricts or account.restricts or bool(stopped) or self.giving_back.get(session, False)
        left = _left(book, targets, portfolio, account, stopped)
        if left.pinned:
            left = _restrained(left, portfolio, account, stopped)
        return replace(left, eased=eased), (*found, *told)

    def _account(self, session: date, book: Book, portfolio: Standing, rule: Rule) -> Standing:
        equity = book.equity / 100
        before = self.before.get(ACCOUNT)
        if before is None:
            before = Standing(equity=equity, peak=equity)
        before = before if before.rule in ("", rule.name) else before.normal()
        if portfolio.state == "re_entering" and portfolio.sessions == 1:
            before = replace(before, peak=equity)
        return next_standing(
            before,
            session,
            rule,
            equity,
            scope=ACCOUNT,
            overrides=self.overrides,
            recovering=portfolio.drawdown,
        )

    def _stops(
        self, session: date, book: Book, targets: SessionTargets, bars: Bars, terms: TradingTerms
    ) -> tuple[dict[str, Standing], list[Breach]]:
        limit = terms.limits.value(POSITION_STOP)
        assert limit is None or isinstance(limit, float | int)
        limit = None if limit is None else limit * self.stops.get(session, 1.0)
        stopped, told = {}, []
        for scope, was in self.before.items():
            symbol = scope.removeprefix("symbol:")
            if symbol == scope or not targets.weights.get(symbol, 0.0):
                continue
            held = bool(book.quantity(symbol))
            waited = was.state == "cooling" and was.sessions >= terms.responses.cool_down
            if held or not waited:
                stopped[symbol] = _waiting(was, session, held=held, cool_down=terms.responses.cool_down)
        for symbol, position in sorted(book.positions.items()):
            lost = _lost(position)
            if limit is None or symbol not in bars or lost <= limit + EPSILON:
                continue
            acts = terms.responses.position_stop == "sell"
            action = "sold at the next open" if acts else ONLY_REPORTED
            message = f"POSITION_STOP: symbol={symbol}, found={lost:.6g}, limit={limit:.6g}"
            told.append(
                Breach(symbol, POSITION_STOP, "cut" if acts else "warning", lost, limit, message, action, lasts=True)
            )
            if acts and symbol not in stopped:
                stopped[symbol] = _stopped(session, position, lost, limit, terms.responses.cool_down)
        return stopped, told


def _stopped(session: date, position: Position, lost: float, limit: float, cool_down: int) -> Standing:
    return Standing(
        state="liquidated",
        since=session,
        sessions=1,
        factor=0.0,
        adds=False,
        equity=position.price,
        peak=position.average_cost,
        rule=POSITION_STOP,
        found=lost,
        limit=limit,
        release=f"{cool_down} sessions without it, or a target of 0",
    )


def _waiting(was: Standing, session: date, *, held: bool, cool_down: int) -> Standing:
    """Of a position that was stopped: it is still being sold, or it is not bought again yet."""
    if held and was.state == "liquidated":
        return replace(was, sessions=was.sessions + 1)
    if was.state == "cooling" and not held:
        left = max(cool_down - was.sessions, 1)
        return replace(was, sessions=was.sessions + 1, release=f"{left} more sessions, or a target of 0")
    return replace(was, state="liquidated" if held else "cooling", since=session, sessions=1)


def _lost(position: Position) -> float:
    """The part of the average price that is lost, as it stands; of a short sale, what its price has risen by."""
    if not position.average_cost > 0.0:
        return 0.0
    side = 1.0 if position.quantity > 0 else -1.0
    return (1.0 - position.price / position.average_cost) * side


def _left(
    book: Book,
    targets: SessionTargets,
    portfolio: Standing,
    account: Standing,
    stopped: Mapping[str, Standing],
) -> SessionTargets:
    """The targets within what account and stops leave; what the portfolio's state has taken is not taken twice."""
    part = min(account.factor / portfolio.factor, 1.0) if portfolio.factor else 1.0
    weights, reasons = dict(targets.weights), dict(targets.reasons)
    equity = max(book.equity, 1)
    for symbol, weight in targets.weights.items():
        left, why = weight * part, account
        if not account.adds and account.factor:
            position = book.positions.get(symbol)
            held = value(position.quantity, position.price) / equity if position else 0.0
            left = no_larger(left, held)
        if symbol in stopped:
            left, why = 0.0, stopped[symbol]
        if left != weight:
            weights[symbol] = left
            reasons[symbol] = "; ".join(filter(None, (reasons.get(symbol), why.told())))
    return replace(targets, weights=weights, reasons=reasons)


def _restrained(
    targets: SessionTargets, portfolio: Standing, account: Standing, stopped: Mapping[str, Standing]
) -> SessionTargets:
    """What is ordered by hand within what the states leave: nothing grows while they restrict, and what they liquidate
    or have stopped is sold whoever has ordered it.
    """
    sold = not account.factor or not portfolio.factor
    calm = not (portfolio.restricts or account.restricts)
    pinned, ordered = ({name: dict(own) for name, own in side.items()} for side in (targets.pinned, targets.ordered))
    for name, own in targets.pinned.items():
        for symbol, units in own.items():
            held = units - targets.ordered[name][symbol]
            left = 0 if sold or symbol in stopped else units if calm or abs(units) < abs(held) else held
            pinned[name][symbol], ordered[name][symbol] = left, left - held
    return replace(targets, pinned=pinned, ordered=ordered)


def _beyond(symbol: str, weight: float, most: float, portfolio: Standing) -> str:
    return f"TARGET_BEYOND_STATE: symbol={symbol}, found={weight:.6g}, limit={most:.6g}, state={portfolio.state}"
