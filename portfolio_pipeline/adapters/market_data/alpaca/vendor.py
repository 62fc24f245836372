"""Alpaca as a source of bars: only what is missing is fetched, and of late everything is looked at again.

What was fetched is kept (`kept_bars`), so that a start that was cut goes on where it stood. The newest sessions of what
is asked, and actions of some months, are asked for anew each time: late bars and restatements are noticed so. A bar is
taken when it is final and not before.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from portfolio_pipeline.adapters.market_data.alpaca.actions import ACTION, actions_of
from portfolio_pipeline.adapters.market_data.alpaca.desk import DataDesk
from portfolio_pipeline.adapters.market_data.alpaca.kept_bars import BAR, KEY, VALUES, KeptBars, no_rows
from portfolio_pipeline.core.calendar.sessions import (
    NEW_YORK,
    SessionRange,
    all_sessions,
    as_days,
    last_closed_session,
    previous_session,
    session_close,
)
from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.core.market.quotes import Quote
from portfolio_pipeline.core.tables import PRICES
from portfolio_pipeline.ports import ChangedPast, Clock

_LOG = logging.getLogger(__name__)
LOOKED_AT_AGAIN = 5  # sessions before the newest one that is asked for
ACTIONS_LOOKED_AT_AGAIN = timedelta(days=100)
FINAL_AFTER = timedelta(minutes=20)  # the free plan's delay, and the last prints of a close


class AlpacaMarketData:
    """`ports.MarketData`, with its memory; nothing is connected before something is asked."""

    def __init__(self, desk: DataDesk, kept: KeptBars, clock: Clock) -> None:
        self._desk, self._kept, self._clock = desk, kept, clock
        self._changed = no_rows()
        self._notes: dict[str, DataError] = {}

    @property
    def source(self) -> str:
        """With the feed: prices of one exchange are others than those of all."""
        return f"ALPACA_{self._desk.feed.upper()}"

    def bars(self, symbols: Sequence[str], sessions: SessionRange) -> pd.DataFrame:
        last = min(sessions.last, self._newest_final(sessions.last))
        wanted = tuple(sorted(set(symbols)))
        self._notes = {}
        if last < sessions.first or not wanted:
            return self._of_prices(no_rows())
        asked = SessionRange(sessions.first, last)
        self._fill(wanted, asked)
        self._look_again(wanted, asked)
        kept = self._kept.rows(asked.first, asked.last)
        says = kept["close"].notna() | (kept["dividend"] != 0) | (kept["split_ratio"] != 1)
        return self._of_prices(kept[says & kept.index.get_level_values("symbol").isin(wanted)].sort_index())

    def changed_past(self, symbols: Sequence[str], before: date) -> ChangedPast:
        days, names = (self._changed.index.get_level_values(name) for name in KEY)
        rows = self._changed[(days < pd.Timestamp(before)) & names.isin(list(symbols))]
        there = rows["close"].notna()
        return ChangedPast(self._of_prices(rows[there]), rows[~there].reset_index()[list(KEY)])

    def past_is_recorded(self) -> None:
        if len(self._changed):
            self._kept.add(self._changed)
            self._changed = self._changed.iloc[:0]

    def refusals(self) -> list[DataError]:
        refused = [
            DataError(
                "SYMBOL_NOT_AT_ALPACA",
                found=symbol,
                why=words,
                remedy="Correct it in the universe of portfolio.yaml, or take it out; all others are there.",
            )
            for symbol, words in sorted(self._desk.refused.items())
        ]
        return [*refused, *self._notes.values()]

    def quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        found = {symbol: _quote(told) for symbol, told in self._desk.latest_quotes(symbols).items()}
        return {symbol: quote for symbol, quote in found.items() if quote is not None}

    def examined(self, symbols: Sequence[str]) -> str:
        """What an examination finds; refused as a run would be."""
        newest = self._newest_final(None)
        bars = self._desk.bars(symbols[:1], newest, newest)
        return f"{self._desk.url} answers, feed {self._desk.feed}: {len(bars)} bar of {symbols[0]} on {newest}"

    def _newest_final(self, asked: date | None) -> date:
        """The newest session whose bars are final. Refused where one is asked for that has closed and is not yet."""
        now = self._clock.now()
        final, closed = last_closed_session(now - FINAL_AFTER), last_closed_session(now)
        if asked is not None and final < asked <= closed:
            when = (session_close(asked) + FINAL_AFTER).astimezone(NEW_YORK)
            raise DataError(
                "BARS_NOT_FINAL",
                session=asked,
                found=f"{now.astimezone(NEW_YORK):%H:%M} in New York",
                expected=f"{when:%H:%M}: until then the last trades of the close come in",
                remedy="Nothing was stored. Give the same command again then.",
            )
        return final

    def _fill(self, symbols: Sequence[str], asked: SessionRange) -> None:
        """Fetch what was never fetched but the newest, year by year, and keep each as soon as it is there."""
        years = list(_years(asked, _back(asked.last, LOOKED_AT_AGAIN)))
        for number, year in enumerate(years, start=1):
            there = _grid(year, symbols).isin(self._kept.rows(year.first, year.last).index).reshape(-1, len(symbols))
            lacking = [session for session, whole in zip(year, there.all(axis=1), strict=True) if not whole]
            if not lacking:
                continue
            part = SessionRange(lacking[0], lacking[-1])
            missing = [symbol for symbol, whole in zip(symbols, there.all(axis=0), strict=True) if not whole]
            if len(years) > 1:
                _LOG.warning("Alpaca: %s, %d symbols (%d of %d)", part, len(missing), number, len(years))
            self._kept.add(self._fetched(missing, part, self._actions(missing, part)))

    def _look_again(self, symbols: Sequence[str], asked: SessionRange) -> None:
        """What the newest sessions are now: taken over where it is asked for, and remembered as changed before that."""
        month = max(all_sessions()[0], asked.last - ACTIONS_LOOKED_AT_AGAIN)
        acted = self._actions(symbols, SessionRange(month, asked.last), noted=asked)
        before = self._kept.rows(month, asked.last)
        before = before[before.index.get_level_values("symbol").isin(symbols)]
        newest = SessionRange(_back(asked.last, LOOKED_AT_AGAIN), asked.last)
        found = self._fetched(symbols, newest, acted)
        days = before.index.get_level_values("session")
        earlier = before[days < pd.Timestamp(newest.first)]
        found = pd.concat([_acted(earlier, acted).assign(retrieved_at=self._now()), found]) if len(earlier) else found
        place = before.index.get_indexer(found.index)
        then, now = before.iloc[place[place >= 0]][list(VALUES)].to_numpy(), found[place >= 0][list(VALUES)].to_numpy()
        differs = np.ones(len(found), dtype=bool)
        differs[place >= 0] = ~((then == now) | (np.isnan(then) & np.isnan(now))).all(axis=1)
        is_asked = found.index.get_level_values("session") >= pd.Timestamp(asked.first)
        self._kept.add(found[differs & is_asked])
        self._changed = found[differs & ~is_asked & (place >= 0)]

    def _fetched(self, symbols: Sequence[str], sessions: SessionRange, acted: pd.DataFrame) -> pd.DataFrame:
        """A row for every session and symbol, whether it has a bar or not."""
        bars = self._desk.bars(symbols, sessions.first, sessions.last).set_index(list(KEY))
        rows = bars.reindex(_grid(sessions, symbols))[list(BAR)]
        return _acted(rows, acted).assign(retrieved_at=self._now())

    def _actions(
        self, symbols: Sequence[str], sessions: SessionRange, noted: SessionRange | None = None
    ) -> pd.DataFrame:
        found = actions_of(self._desk.actions(symbols, sessions.first, sessions.last), symbols, sessions)
        for note in found.notes:
            day = note.figures.get("session")
            if noted is None or day is None or day in noted:
                self._notes[str(note)] = note
        return found.frame()

    def _of_prices(self, rows: pd.DataFrame) -> pd.DataFrame:
        return rows.reset_index().assign(source=self.source)[list(PRICES.column_names)]

    def _now(self) -> np.datetime64:
        return np.datetime64(self._clock.now().replace(tzinfo=None), "us")


def _quote(told: Mapping[str, Any]) -> Quote | None:
    """None for what cannot be read: it says nothing of the symbol."""
    try:
        at = datetime.fromisoformat(str(told["t"]))
        return Quote(float(told["bp"]), float(told["ap"]), at.astimezone(UTC).replace(tzinfo=None))
    except (KeyError, TypeError, ValueError):
        return None


def _grid(sessions: SessionRange, symbols: Sequence[str]) -> pd.MultiIndex:
    days = as_days(tuple(sessions)).astype("datetime64[s]")
    return pd.MultiIndex.from_product([days, pd.Index(symbols, dtype=object)], names=list(KEY))


def _acted(rows: pd.DataFrame, acted: pd.DataFrame) -> pd.DataFrame:
    """The rows with the actions of their session and symbol, and none where there is none."""
    values: Mapping[str, float] = {"dividend": 0.0, "split_ratio": 1.0}
    return rows.assign(**{name: acted[name].reindex(rows.index).fillna(values[name]) for name in ACTION})


def _years(asked: SessionRange, before: date) -> Iterator[SessionRange]:
    """The asked sessions before a day, in parts of a calendar year."""
    last = previous_session(before)
    if last is None or last < asked.first:
        return
    for year in range(asked.first.year, last.year + 1):
        inside = [session for session in SessionRange(asked.first, last) if session.year == year]
        if inside:
            yield SessionRange(inside[0], inside[-1])


def _back(session: date, count: int) -> date:
    return previous_session(session, count) or all_sessions()[0]
