"""What people decide of differences between the broker's account and the books, for the command and the web UI.

A decision speaks of what was found so far. What is found later has to be decided on its own.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pandas as pd

from portfolio_pipeline.core.books.book import to_shares
from portfolio_pipeline.core.books.reconciliation import CASH, Decision, Difference, Kind, decided, undecided
from portfolio_pipeline.core.books.reconciliation_rows import decisions_of, differences_of
from portfolio_pipeline.core.calendar.sessions import session_to_decide
from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.registry import one_of
from portfolio_pipeline.core.tables import ACCOUNT, FILLS, POSITIONS, RECONCILIATION, RECONCILIATION_DECISIONS
from portfolio_pipeline.core.tables.declare import ACCOUNT_BOOK, UNCLAIMED
from portfolio_pipeline.core.words import clean
from portfolio_pipeline.ports import Reader, Warehouse

ACTIONS = ("accept", "ignore")
ALL = "all"
AGAIN = "To plan and send again before the market opens: portfolio run"


@dataclass(frozen=True)
class Standing:
    """The differences there are, those still open, what was decided, and what lies unclaimed at the newest close; what
    others have of every symbol, and what is ours, with what the books are still to take in.
    """

    differences: tuple[Difference, ...]
    open: tuple[Difference, ...]
    decisions: tuple[Decision, ...]
    unclaimed: dict[str, float]
    theirs: dict[str, float]
    ours: dict[str, float]


def standing(reader: Reader) -> Standing:
    differences = differences_of(reader.read(RECONCILIATION.name))
    decisions = decisions_of(reader.read(RECONCILIATION_DECISIONS.name))
    newest = reader.newest(POSITIONS.name)
    books: dict[str, dict[str, float]] = {ACCOUNT_BOOK: {}, UNCLAIMED: {}}
    if newest is not None:
        names = {"session": newest, "book": list(books)}
        for row in reader.read(POSITIONS.name, where=names).to_pylist():
            books[row["book"]][row["symbol"]] = row["quantity"]
    account, unclaimed = books[ACCOUNT_BOOK], books[UNCLAIMED]
    symbols = account.keys() | unclaimed.keys()
    ours = {symbol: account.get(symbol, 0.0) - unclaimed.get(symbol, 0.0) for symbol in symbols}
    theirs = dict(unclaimed)
    booked = set(reader.read(FILLS.name, where={"fill_id": [one.item for one in differences]})["fill_id"].to_pylist())
    for one in differences:
        known = newest is not None and one.session <= newest
        if one.of_shares and not (one.item in booked if one.kind is Kind.FOREIGN_EXECUTION else known):
            theirs[one.subject] = theirs.get(one.subject, 0.0) + to_shares(one.quantity)
    open_ = tuple(undecided(differences, decisions))
    return Standing(tuple(differences), open_, tuple(decisions), unclaimed, theirs, ours)


def decide(
    warehouse: Warehouse, action: str, subject: str, reason: str, who: str, now: datetime, symbols: Collection[str]
) -> list[str]:
    """Write down what is decided of a subject, or of everything that is open; gives back the subjects."""
    if action not in ACTIONS:
        raise ConfigurationError("ACTION_UNKNOWN", found=action, expected=one_of(action, ACTIONS), remedy=_NOTHING)
    if not reason.strip():
        raise ConfigurationError("REASON_MISSING", expected="why it is decided so", remedy="Give it with --reason.")
    with warehouse.transaction() as tx:
        now_known = standing(tx)
        meant = _meant(now_known, subject, accept=action == "accept")
        for one in meant:
            _refuse_senseless(action, one, symbols, now_known)
        _refuse_late(meant, now)
        subjects = sorted({_name(one) for one in meant})
        rows = tx.read(RECONCILIATION_DECISIONS.name)["decision_id"].to_pylist()
        first, stored = max(rows, default=0) + 1, now.astimezone(UTC).replace(tzinfo=None)
        # It speaks of all that was found up to the newest close; from when on it is in force says `Decision.since`.
        stored_to = tx.newest(ACCOUNT.name) or date.min
        newest = {name: max(stored_to, *(one.session for one in meant if _name(one) == name)) for name in subjects}
        said = [
            (first + place, newest[name], name, action, clean(reason), clean(who), stored)
            for place, name in enumerate(subjects)
        ]
        tx.insert(
            RECONCILIATION_DECISIONS.name, pd.DataFrame(said, columns=list(RECONCILIATION_DECISIONS.column_names))
        )
    return subjects


_NOTHING = "Nothing was written."


def _meant(known: Standing, subject: str, *, accept: bool) -> list[Difference]:
    """What is open, of a subject or of all; where nothing is, what was ignored of it can still be accepted."""
    if subject == ALL:
        if not known.open:
            raise ConfigurationError("NOTHING_IS_OPEN", remedy="Nothing was written, and nothing has to be.")
        return list(known.open)
    wanted = subject.lower() if subject.lower() == CASH else subject
    found = [one for one in known.differences if wanted.lower() in (one.subject.lower(), one.item.lower())]
    if not found:
        names = sorted({_name(one) for one in known.differences})
        raise ConfigurationError(
            "SUBJECT_UNKNOWN",
            found=subject,
            expected=one_of(subject, names) if names else "something that differs; nothing does",
            remedy=f"{_NOTHING} portfolio reconcile lists what differs.",
        )
    words = {one.item: decided(one, known.decisions, date.max) for one in found}
    open_ = [one for one in found if words[one.item] is None]
    ignored = [one for one in found if (word := words[one.item]) is not None and not word.accepted]
    if not open_ and not (accept and ignored):
        raise ConfigurationError(
            "NOTHING_IS_OPEN", found=f"{subject} is decided", remedy="Nothing was written, and nothing has to be."
        )
    return open_ or ignored


def _name(one: Difference) -> str:
    """What a decision calls it: an open order by its own identifier, all else by its subject."""
    return one.item if one.kind is Kind.FOREIGN_ORDER else one.subject


def _refuse_late(meant: Collection[Difference], now: datetime) -> None:
    """A split is done to what was held at the close at which it was found: while that session can still be planned."""
    splits = [one for one in meant if one.kind is Kind.CORPORATE_ACTION]
    newest = max(splits, key=lambda one: one.session, default=None)
    if newest is not None and newest.session < session_to_decide(now):
        raise ConfigurationError(
            "DECIDED_TOO_LATE",
            found=f"{newest.kind} {newest.subject} of {newest.session}",
            remedy=f"{_NOTHING} The market has opened since: it is found again at the next close. Decide it then.",
        )


def _refuse_senseless(action: str, one: Difference, symbols: Collection[str], known: Standing) -> None:
    left = known.theirs.get(one.subject, 0.0)
    of_ours = one.of_shares and left < 0 < known.ours.get(one.subject, 0.0)
    if action == "ignore" and (one.kind in (Kind.CASH, Kind.CORPORATE_ACTION) or of_ours):
        raise ConfigurationError(
            "CANNOT_BE_IGNORED",
            found=f"{one.kind} {one.subject} ({one.told})",
            expected="what can be left aside: shares that others have brought and taken, or their open orders",
            remedy=f"{_NOTHING} The books cannot go on with what the broker does not have: mend it at the broker, or"
            " accept it.",
        )
    if action == "accept" and one.of_shares and left and one.subject not in symbols:
        raise ConfigurationError(
            "SYMBOL_NOT_IN_UNIVERSE",
            found=one.subject,
            expected="a symbol of the universe: only those have prices and targets",
            remedy=f"{_NOTHING} Ignore it, or put it into the universe first.",
        )
