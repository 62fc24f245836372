"""The judge of delivered bars: which are taken, which are quarantined and why, which restate what was stored.

Pure: delivered rows and what the tables hold go in, rows of the tables come out. What a bar shows by itself is asked in
`bar_rules`, what it shows beside the sessions before it in `bar_sequence`; here the verdicts come together.

Session t is judged from the rows delivered for t, from what is stored of the sessions before t (`memory_start` on), and
from what was stored for t itself; never from anything after t. So a range gives what its sessions one by one give.
What is stored stays as it is, unless restatements are accepted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from portfolio_pipeline.core.calendar.sessions import (
    SessionRange,
    all_sessions,
    as_days,
    previous_session,
    sessions_between,
)
from portfolio_pipeline.core.market.quality.actions import actions_of, delivered_actions
from portfolio_pipeline.core.market.quality.bar_rules import VALUES, sound_bars
from portfolio_pipeline.core.market.quality.bar_sequence import BarSequence, StoredBars, days_of
from portfolio_pipeline.core.market.quality.settings import JudgingTerms
from portfolio_pipeline.core.tables import CORPORATE_ACTIONS, PRICE_RESTATEMENTS, PRICES, QUARANTINE, Table


@dataclass(frozen=True)
class Judgement:
    """The rows that the four tables are to hold for the range."""

    prices: pd.DataFrame
    quarantine: pd.DataFrame
    restatements: pd.DataFrame
    actions: pd.DataFrame


def judge(
    delivered: pd.DataFrame,
    *,
    sessions: SessionRange,
    stored: StoredBars,
    source: str,
    terms: JudgingTerms,
    accept_restatements: bool = False,
) -> Judgement:
    """Judge the rows delivered for `sessions`; refuse them all when a session lacks most of the universe.

    With `accept_restatements` prices take over what the source says now or, where it is silent, what it said last.
    """
    bars, refused = sound_bars(delivered, sessions=sessions, symbols=terms.symbols)
    if accept_restatements:
        bars = _with_recorded(bars, stored.restatements, terms)
    changed = _changed(bars, _from(stored.prices, sessions.first))
    prices = stored.prices
    if accept_restatements:
        prices = _joined(_without(prices, changed), changed)
    actions = delivered_actions(delivered, sessions=sessions, symbols=terms.symbols)
    sequence = BarSequence(sessions, terms, stored, bars, refused, actions)
    taken, late = sequence.judge(prices, source, accept_late=accept_restatements)
    restated = _joined(changed.assign(kind="changed"), late.assign(kind="late"))
    accepted = _joined(_from(prices, sessions.first), taken)
    return Judgement(
        prices=_ordered(accepted, PRICES),
        quarantine=_ordered(_joined(refused, sequence.quarantine), QUARANTINE),
        restatements=_ordered(_recorded(restated, stored.restatements, accept_restatements), PRICE_RESTATEMENTS),
        actions=_ordered(actions_of(accepted, sequence.actions_without_bar), CORPORATE_ACTIONS),
    )


def judge_past(
    bars: pd.DataFrame, gone: pd.DataFrame, *, sessions: SessionRange, stored: StoredBars, terms: JudgingTerms
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What to add to the restatements and to the quarantine when a source's past has changed; prices stay as they are.

    `bars` are those that the source holds otherwise than before, `gone` says which it holds no more; `stored` is what
    the tables hold of these symbols in `sessions`. What the tables say already is not said again.
    """
    sound, refused = sound_bars(bars, sessions=sessions, symbols=terms.symbols)
    changed = _changed(sound, stored.prices)
    new = _without(sound, stored.prices)
    began = new["symbol"].map(stored.first_sessions).to_numpy(dtype="datetime64[D]")
    late = new[days_of(new) > began]  # a symbol's history before its first stored bar is no news
    missing = stored.prices[_keys(stored.prices).isin(_keys(gone))]
    parts = zip((changed, late, missing), ("changed", "late", "gone"), strict=True)
    restated = pd.concat([rows.assign(kind=kind) for rows, kind in parts], ignore_index=True)
    recorded = _recorded(restated, stored.restatements, accepted=False).iloc[len(stored.restatements) :]
    known = pd.MultiIndex.from_arrays([_keys(stored.quarantine), stored.quarantine["rule"]])
    told = pd.MultiIndex.from_arrays([_keys(refused), refused["rule"]])
    return _ordered(recorded, PRICE_RESTATEMENTS), _ordered(refused[~told.isin(known)], QUARANTINE)


def coverage(prices: pd.DataFrame, sessions: SessionRange, terms: JudgingTerms) -> pd.DataFrame:
    """For each session how many of the symbols that traded in the sessions before it have a bar, and their share.

    `prices` begin `delist_after_sessions` before the range, if there are that many. A session without any such symbol
    has the share 1 when it has any bar; one without any bar has the share 0.
    """
    delist_after = terms.delist_after_sessions
    start = previous_session(sessions.first, delist_after) or all_sessions()[0]
    days = as_days(sessions_between(start, sessions.last)).astype("datetime64[s]")
    here = prices[prices["symbol"].isin(terms.symbols)]
    seen = pd.crosstab(days_of(here).astype("datetime64[s]"), here["symbol"].to_numpy()).reindex(days, fill_value=0) > 0
    expected = seen.astype(float).rolling(delist_after, min_periods=1).max().shift(1).fillna(0.0) > 0
    rows = pd.DataFrame({"found": (seen & expected).sum(axis=1), "expected": expected.sum(axis=1)})
    rows["share"] = np.where(rows["expected"] > 0, rows["found"] / rows["expected"].clip(lower=1), 1.0)
    rows["share"] = rows["share"].where(seen.any(axis=1), 0.0)
    return rows[rows.index >= np.datetime64(sessions.first)].rename_axis("session").reset_index()


def _changed(bars: pd.DataFrame, stored: pd.DataFrame) -> pd.DataFrame:
    """Bars of stored sessions and symbols that differ from what is stored in any value."""
    place = _keys(stored).get_indexer(_keys(bars))
    both = bars[place >= 0]
    before = stored.iloc[place[place >= 0]][list(VALUES)].to_numpy(dtype=np.float64)
    return both[(both[list(VALUES)].to_numpy(dtype=np.float64) != before).any(axis=1)]


def _with_recorded(bars: pd.DataFrame, restatements: pd.DataFrame, terms: JudgingTerms) -> pd.DataFrame:
    """`bars`, and what was recorded earlier for sessions and symbols that they lack."""
    recorded = _newest(restatements[restatements["symbol"].isin(terms.symbols)])
    return _joined(bars, _without(recorded, bars)[list(PRICES.column_names)])


def _recorded(restated: pd.DataFrame, stored: pd.DataFrame, accepted: bool) -> pd.DataFrame:
    """All restatements of the range: those recorded before, and a new version of each that says something new.

    Whoever accepts settles what was recorded before as well, though the source may have taken it back since.
    """
    newest = _newest(stored)
    repeated = _keys(restated).isin(_keys(newest)) & ~_keys(restated).isin(_keys(_changed(restated, newest)))
    new = restated[~repeated]
    if accepted:
        settled = stored.index.isin(newest.index) & ~_keys(stored).isin(_keys(new))
        stored = stored.assign(accepted=stored["accepted"].to_numpy(dtype=bool) | settled)
    if new.empty:
        return stored
    place = _keys(newest).get_indexer(_keys(new))
    versions = np.append(newest["version"].to_numpy(dtype=np.int64), 1)  # at place -1: no version but the stored bar
    return _joined(stored, new.assign(version=versions[place] + 1, accepted=accepted))


def _newest(restatements: pd.DataFrame) -> pd.DataFrame:
    """The last recorded version of each session and symbol."""
    return restatements.sort_values("version").drop_duplicates(["session", "symbol"], keep="last")


def _from(rows: pd.DataFrame, first: date) -> pd.DataFrame:
    return rows[days_of(rows) >= np.datetime64(first, "D")]


def _keys(rows: pd.DataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_arrays([days_of(rows).astype("datetime64[s]"), rows["symbol"].astype(object)])


def _without(rows: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    return rows[~_keys(rows).isin(_keys(others))]


def _joined(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    parts = [part for part in (first, second) if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else first


def _ordered(rows: pd.DataFrame, table: Table) -> pd.DataFrame:
    rows = rows.assign(session=days_of(rows).astype("datetime64[s]"))
    return rows.sort_values(list(table.key), ignore_index=True)[list(table.column_names)]
