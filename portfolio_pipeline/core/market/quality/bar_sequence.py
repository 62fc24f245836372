"""What takes the sessions before it to see of a bar: jumps, stale repeats, gaps, late bars, and sessions without bars.

Goes through the sessions one after the other, over all symbols at once. Stored sessions are gone through first, to be
remembered; then those of the range are judged. Not here: what a bar shows by itself (`bar_rules`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.calendar.sessions import (
    SessionRange,
    all_sessions,
    as_days,
    previous_session,
    sessions_between,
)
from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.core.market.quality.actions import no_actions
from portfolio_pipeline.core.market.quality.bar_rules import BAR, BAR_RULES, VALUES, no_rows
from portfolio_pipeline.core.market.quality.settings import JudgingTerms
from portfolio_pipeline.core.tables import CORPORATE_ACTIONS, QUARANTINE

JUMP, STALE, LATE, GAP = "unexplained_jump", "stale_repeat", "late_bar", "gap"
# A symbol that comes back after a longer silence is taken for a newly listed one: its price is compared with nothing.
MEMORY_SESSIONS = 20
_CLOSE, _DIVIDEND, _SPLIT = VALUES.index("close"), VALUES.index("dividend"), VALUES.index("split_ratio")
_ACTION = ("dividend", "split_ratio", "close")
_BARE = slice(0, len(BAR))
_NEVER = -(10**9)
_SHOWN = 5


def memory_sessions(terms: JudgingTerms) -> int:
    """For how many sessions a bar is remembered."""
    return max(MEMORY_SESSIONS, terms.quality.stale_sessions, terms.delist_after_sessions)


def memory_start(first: date, terms: JudgingTerms) -> date:
    """The earliest session whose stored rows have a say in judging `first`."""
    return previous_session(first, memory_sessions(terms)) or all_sessions()[0]


@dataclass(frozen=True)
class StoredBars:
    """What the tables hold before judging.

    `prices`, `quarantine` and `actions` from `memory_start` to the end of the range, `restatements` of the range, and
    the first session of each symbol in all of `prices`.
    """

    prices: pd.DataFrame
    quarantine: pd.DataFrame
    restatements: pd.DataFrame
    first_sessions: Mapping[str, date]
    actions: pd.DataFrame = field(default_factory=no_actions)
    holes: Collection[date] = ()  # sessions that a person said to go on without


@dataclass
class _Memory:
    """What is remembered of each symbol. Places are positions of sessions."""

    last: Array  # place and close of the last bar in prices
    last_close: Array
    jump: Array  # the same of the last bar refused as a jump
    jump_close: Array
    bar: Array  # the bar of the session before, taken or doubted; NaN without one
    repeats: Array  # sessions in a row with that bar, counted up to the limit
    known: Array  # whether it ever had a bar in prices

    @classmethod
    def empty(cls, width: int) -> _Memory:
        never, nothing = np.full(width, _NEVER), np.full(width, np.nan)
        bar = np.full((width, len(BAR)), np.nan)
        return cls(never, nothing, never, nothing, bar, np.zeros(width, dtype=int), np.zeros(width, dtype=bool))

    def see(self, place: int, bar: Array, accepted: Array, jumped: Array) -> None:
        self.last, self.last_close = (
            np.where(accepted, place, self.last),
            np.where(accepted, bar[:, 3], self.last_close),
        )
        self.jump, self.jump_close = np.where(jumped, place, self.jump), np.where(jumped, bar[:, 3], self.jump_close)
        self.known = self.known | accepted
        self.bar = bar

    def act(self, place: int, dividend: Array, split: Array) -> None:
        """What the last closes are worth after actions of this session that stand on no bar of `last`."""
        self.last_close = self.last_close / split - dividend
        self.jump_close = np.where(self.jump < place, self.jump_close / split - dividend, self.jump_close)


class BarSequence:
    """The sessions of a range and those before it that are remembered. `judge` says what is `taken` and what is `late`.

    Of the delivered actions it says which are in force without a bar (`actions_without_bar`).

    Arrays are [sessions, symbols] or [sessions, symbols, values], NaN where there is no bar.
    """

    def __init__(
        self,
        sessions: SessionRange,
        terms: JudgingTerms,
        stored: StoredBars,
        bars: pd.DataFrame,
        refused: pd.DataFrame,
        actions: pd.DataFrame,
    ) -> None:
        self._terms = terms
        self._symbols = tuple(sorted(terms.symbols))
        self._days = as_days(sessions_between(memory_start(sessions.first, terms), sessions.last))
        self._start = int(np.searchsorted(self._days, np.datetime64(sessions.first, "D")))
        self._bars = bars
        self._delivered = self._spread(bars, VALUES)
        self._refused_already = self._marked(refused[refused["rule"].isin(BAR_RULES)])
        history = stored.quarantine
        self._doubted = self._spread(history[history["rule"].isin((JUMP, STALE, LATE))], BAR)
        self._jumped = self._marked(history[history["rule"] == JUMP])
        self._missed = self._marked(history[history["rule"].isin((*BAR_RULES, JUMP, STALE, LATE, GAP))])
        self._acted = self._spread(actions, _ACTION)
        self._acted_before = self._spread(stored.actions, _ACTION[:2])
        self._actions: list[tuple[object, ...]] = []  # rows of the table
        self._hole = np.isin(self._days, as_days(tuple(stored.holes)))
        self._session_stored = np.isin(self._days, days_of(stored.prices)) | self._hole
        firsts = [stored.first_sessions.get(symbol, date.max) for symbol in self._symbols]
        self._first = np.array(firsts, dtype="datetime64[D]")
        self._quarantine: list[tuple[object, ...]] = []  # rows of the table

    def judge(self, prices: pd.DataFrame, source: str, *, accept_late: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Bars that are to join `prices`, and bars that came late; refuses it all when most of a session is missing."""
        stored = self._spread(prices, VALUES)
        taken, late = np.zeros(stored.shape[:2], dtype=bool), np.zeros(stored.shape[:2], dtype=bool)
        memory, lacking = _Memory.empty(len(self._symbols)), []
        for t in range(len(self._days)):
            have = ~np.isnan(stored[t, :, _CLOSE])
            bar = np.where(have[:, None], stored[t, :, _BARE], self._doubted[t] if t < self._start else np.nan)
            if t < self._start:
                self._count_repeats(memory, bar)
                memory.see(t, bar, have, self._jumped[t])
                memory.act(t, *_without_bar(self._acted_before[t], have))
                continue
            new = ~have & ~np.isnan(self._delivered[t, :, _CLOSE])
            bar = np.where(new[:, None], self._delivered[t, :, _BARE], bar)
            self._count_repeats(memory, bar)
            jumped, late[t], taken[t] = self._doubts(t, new, memory, source, accept_late)
            absent = ~have & ~new & ~self._refused_already[t]
            missing = self._absences(t, absent, have | taken[t], memory, source)
            if missing and not self._hole[t]:
                lacking.append((self._days[t], missing))
            acted = self._actions_in_force(t, have | taken[t], memory, source, accept_late)
            memory.see(t, bar, have | taken[t], jumped)
            memory.act(t, *acted)
        self._refuse_lacking(lacking)
        return self._rows(taken), self._rows(late)

    @property
    def quarantine(self) -> pd.DataFrame:
        """What was refused or is missing."""
        if not self._quarantine:
            return no_rows()
        return pd.DataFrame(self._quarantine, columns=list(QUARANTINE.column_names))

    @property
    def actions_without_bar(self) -> pd.DataFrame:
        """Rows of `corporate_actions` for sessions and symbols that have no bar in prices."""
        if not self._actions:
            return no_actions()
        return pd.DataFrame(self._actions, columns=list(CORPORATE_ACTIONS.column_names))

    def _actions_in_force(
        self, t: int, accepted: Array, memory: _Memory, source: str, accept_late: bool
    ) -> tuple[Array, Array]:
        """Dividend and split of each symbol without a bar of the session, 0 and 1 where there is none.

        What came with a bar is doubted where that price says that it never was: as if a split were in it already.
        """
        acted = self._acted[t].copy()
        close = np.where(acted[:, 2] > 0, acted[:, 2], np.nan)
        last = np.where(t - memory.last <= memory_sessions(self._terms), memory.last_close, np.nan)
        with_it = acted[:, 1] * (close + acted[:, 0]) / last
        never_was = np.isfinite(with_it) & self._beyond(with_it) & ~self._beyond(close / last)
        new = ~np.isnan(acted[:, 1]) & ~never_was & (accept_late | ~self._session_stored[t])
        in_force = np.where(new[:, None], acted[:, :2], self._acted_before[t])
        dividend, split = _without_bar(in_force, accepted)
        session = self._days[t].astype("datetime64[s]")
        for n in np.flatnonzero((dividend != 0) | (split != 1)):
            self._actions.append((session, self._symbols[n], float(dividend[n]), float(split[n]), source))
        return dividend, split

    def _count_repeats(self, memory: _Memory, bar: Array) -> None:
        same = (bar == memory.bar).all(axis=1)
        memory.repeats = np.where(same, np.minimum(memory.repeats + 1, self._terms.quality.stale_sessions), 1)

    def _doubts(
        self, t: int, new: Array, memory: _Memory, source: str, accept_late: bool
    ) -> tuple[Array, Array, Array]:
        """Which of the new bars jump, which are late, and which are taken."""
        age, remembered = t - memory.last, memory_sessions(self._terms)
        growth = self._growth(t, np.where(age <= remembered, memory.last_close, np.nan))
        # A jump is believed when the next bar stays at the new level.
        doubted = (memory.jump > memory.last) & (t - memory.jump <= remembered)
        since = self._growth(t, np.where(doubted, memory.jump_close, np.nan))
        jumped = new & self._beyond(growth) & ~(np.isfinite(since) & ~self._beyond(since))
        stale = new & ~jumped & (memory.repeats >= self._terms.quality.stale_sessions)
        sound = new & ~jumped & ~stale
        # Late is what was missed when the session was stored, not what nobody had asked for then: a symbol that joins
        # the universe may bring its history along.
        memory.known = memory.known | (self._first < self._days[t])
        silent = memory.known & (age > self._terms.delist_after_sessions)
        late = sound & self._session_stored[t] & (self._missed[t] | silent | self._hole[t])
        taken = sound & (accept_late | ~late)
        self._refuse(t, JUMP, jumped, source, growth=growth, last=memory.last, close=memory.last_close)
        self._refuse(t, STALE, stale, source)
        self._refuse(t, LATE, late & ~taken, source)
        return jumped, late, taken

    def _absences(self, t: int, absent: Array, accepted: Array, memory: _Memory, source: str) -> str:
        """Quarantine the gaps of the session; what to say when most of the expected symbols have no bar."""
        expected = t - memory.last <= self._terms.delist_after_sessions
        self._refuse(t, GAP, absent & expected, source, last=memory.last)
        found, wanted = int((accepted & expected).sum()), int(expected.sum())
        if accepted.any() and found >= self._terms.quality.minimum_coverage * wanted:
            return ""
        return f"{self._days[t]} ({found} of {wanted} bars)" if wanted else f"{self._days[t]} (no bar)"

    def _growth(self, t: int, reference: Array) -> Array:
        """What `reference` has become, split and dividend included."""
        bar = self._delivered[t]
        growth: Array = bar[:, _SPLIT] * (bar[:, _CLOSE] + bar[:, _DIVIDEND]) / reference
        return growth

    def _beyond(self, growth: Array) -> Array:
        limit = self._terms.quality.largest_daily_move
        beyond: Array = (np.abs(growth - 1) > limit) | (np.abs(np.log(growth)) > limit)
        return beyond

    def _refuse(self, t: int, rule: str, which: Array, source: str, **figures: Array) -> None:
        if not which.any():
            return
        session = self._days[t].astype("datetime64[s]")
        for n in np.flatnonzero(which):
            words = self._words(rule, t, {name: values[n] for name, values in figures.items()})
            self._quarantine.append((session, self._symbols[n], rule, *words, *self._delivered[t, n, _BARE], source))

    def _words(self, rule: str, t: int, figures: Mapping[str, float]) -> tuple[str, str, str]:
        """What was found, what is expected, what to do."""
        quality, delist_after = self._terms.quality, self._terms.delist_after_sessions
        last = int(figures.get("last", t))
        if rule == JUMP:
            return (
                f"total return {figures['growth'] - 1:+.1%} since {self._days[last]} ({figures['close']:.10g})",
                f"at most {quality.largest_daily_move:.0%} a session",
                "Deliver the split or dividend that explains it, or correct the bar. "
                "If the next bar stays at this level, that one is taken.",
            )
        if rule == STALE:
            return (
                f"the same bar in {quality.stale_sessions} sessions in a row or more",
                f"fewer than {quality.stale_sessions}",
                "Look whether the source still updates the symbol.",
            )
        if rule == LATE:
            return (
                "a bar for a session that was stored without it",
                "bars when their session is stored",
                "Run the session again with accept_restatements, and then what depends on it.",
            )
        return (
            f"no bar; the last one is of {self._days[last]}, {t - last} session{'s' * (t - last > 1)} ago",
            "a bar in every session",
            f"Deliver the bar. After {delist_after} sessions without one the symbol counts as delisted.",
        )

    def _refuse_lacking(self, lacking: list[tuple[np.datetime64, str]]) -> None:
        if not lacking:
            return
        more = f" and {len(lacking) - _SHOWN} more sessions" if len(lacking) > _SHOWN else ""
        reasons = self.quarantine["rule"].value_counts()
        raise DataError(
            "SESSION_MISSING",
            found=", ".join(missing for _, missing in lacking[:_SHOWN]) + more,
            expected=f"{self._terms.quality.minimum_coverage:.0%} of the symbols that traded lately, at least one",
            reasons=", ".join(f"{count} x {rule}" for rule, count in reasons.items()) or "no rows",
            remedy="Nothing was stored. Look whether the source has these sessions, and run them again. If nobody has "
            f"bars of {lacking[0][0]}, go on without: portfolio run --session {lacking[0][0]} --without-prices.",
        )

    def _rows(self, which: Array) -> pd.DataFrame:
        row, column = self._places(self._bars)
        return self._bars[which[row, column]]

    def _places(self, rows: pd.DataFrame) -> tuple[Array, Array]:
        """Position of each row in the arrays; -1 where it has none."""
        row = pd.Index(self._days).get_indexer(pd.Index(days_of(rows)))
        return row, pd.Index(self._symbols, dtype=object).get_indexer(pd.Index(rows["symbol"].astype(object)))

    def _spread(self, rows: pd.DataFrame, fields: tuple[str, ...]) -> Array:
        values = np.full((len(self._days), len(self._symbols), len(fields)), np.nan)
        row, column = self._places(rows)
        inside = (row >= 0) & (column >= 0)
        values[row[inside], column[inside]] = rows.loc[inside, list(fields)].to_numpy(dtype=np.float64)
        return values

    def _marked(self, rows: pd.DataFrame) -> Array:
        marked = np.zeros((len(self._days), len(self._symbols)), dtype=bool)
        row, column = self._places(rows)
        inside = (row >= 0) & (column >= 0)
        marked[row[inside], column[inside]] = True
        return marked


def _without_bar(actions: Array, accepted: Array) -> tuple[Array, Array]:
    """Dividend and split of those without an accepted bar; 0 and 1 of all others."""
    none = accepted | np.isnan(actions[:, 1])
    return np.where(none, 0.0, actions[:, 0]), np.where(none, 1.0, actions[:, 1])


def days_of(rows: pd.DataFrame) -> Array:
    """The sessions of the rows as days."""
    days: Array = pd.to_datetime(rows["session"]).to_numpy().astype("datetime64[D]")
    return days
