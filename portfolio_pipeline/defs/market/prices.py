"""`prices`: bars of the session as the source delivered them, judged; with what was refused and what was restated.

The asset fills six tables in one transaction: prices, corporate_actions, price_holes, price_restatements, quarantine,
vendor_differences.
Its checks show what the judge (`core.market.quality`) has found; what they only warn of does not hold up the healthy
symbols. A source that notices by itself that its past has changed is heard as well: what it says otherwise of earlier
sessions is recorded and told, and nothing that was computed from them is touched.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date

import dagster as dg
import pandas as pd
from pydantic import Field

from portfolio_pipeline.adapters.environment import Environment, read_environment
from portfolio_pipeline.components.session_asset import Stored, describe, session_asset
from portfolio_pipeline.components.session_check import ALL_ROWS, all_rows_of, as_sql, in_words, session_check
from portfolio_pipeline.core.calendar.continuity import previous_state_session, require_joined
from portfolio_pipeline.core.calendar.sessions import SessionRange, all_sessions, previous_session
from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.core.execution.origin import AND
from portfolio_pipeline.core.market.quality.bar_sequence import StoredBars, memory_start
from portfolio_pipeline.core.market.quality.holes import hole_found, still_holes
from portfolio_pipeline.core.market.quality.judge import Judgement, coverage, judge, judge_past
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.tables import (
    CORPORATE_ACTIONS,
    PRICE_HOLES,
    PRICE_RESTATEMENTS,
    PRICES,
    QUARANTINE,
    VENDOR_DIFFERENCES,
    Table,
)
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.ports import (
    ComparesVendors,
    MarketData,
    Reader,
    RemembersThePast,
    TellsWhatIsUnreadable,
    Warehouse,
)
from portfolio_pipeline.reports.made_up_market import made_up_market
from portfolio_pipeline.reports.tables import markdown_table

_NO_DIFFERENCES = pd.DataFrame(columns=list(VENDOR_DIFFERENCES.column_names))
_RESTATED = ["session", "symbol", "version", "kind", "open", "high", "low", "close", "volume", "retrieved_at"]


class PricesConfig(dg.Config):
    """How a run of `prices` treats what was stored before."""

    accept_restatements: bool = False
    without_prices: bool = Field(
        default=False, description="Nobody has bars of the session: go on without, and send no orders at its close."
    )


@session_check()
def bars_are_healthy(sessions: SessionRange, warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    """No bar of the session was quarantined or missing. Quarantined bars are not in prices; the other symbols go on."""
    rows = frame(warehouse.read(QUARANTINE.name, sessions))
    reasons = {str(rule): int(count) for rule, count in rows["rule"].value_counts().items()}
    columns = ["session", "symbol", "rule", "found", "expected", "remedy", "close"]
    return _warning(rows, columns, reasons, all_rows_of(QUARANTINE.name, sessions))


@session_check()
def no_restatements(sessions: SessionRange, warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    """The source says of no stored session something else than when it was stored, or that was accepted.

    Prices keep the first version until somebody runs the session with `accept_restatements`.
    """
    rows = _open_restatements(warehouse, sessions)
    return _warning(rows, _RESTATED, {}, all_rows_of(PRICE_RESTATEMENTS.name, sessions))


@session_check()
def the_past_is_as_it_was(sessions: SessionRange, warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    """The source says of no earlier session something else than when it was stored, or than what was accepted.

    What was computed from the stored bars stays. To take over what the source says now, run `prices` of these sessions
    with `accept_restatements`, and then what depends on them; to keep what is stored, correct the source.
    """
    until = SessionRange(all_sessions()[0], sessions.first)
    rows = _open_restatements(warehouse, until)
    rows = rows[rows["session"] < pd.Timestamp(sessions.first)]
    kinds = {str(kind): int(count) for kind, count in rows["kind"].value_counts().items()}
    result = _warning(rows, _RESTATED, kinds, all_rows_of(PRICE_RESTATEMENTS.name, until))
    if rows.empty:
        return result
    first, last = rows["session"].min().date(), rows["session"].max().date()
    symbols = rows["symbol"].nunique()
    return result._replace(
        description=f"The source says otherwise of {len(rows):,} stored bars, {symbols:,} symbols, {first} to {last}. "
        "Look at price_restatements; run `prices` of these sessions with accept_restatements, or correct the source."
    )


@session_check()
def every_symbol_has_history(
    sessions: SessionRange,
    warehouse: dg.ResourceParam[Warehouse],
    settings: dg.ResourceParam[Settings],
) -> dg.AssetCheckResult:
    """The source has delivered a bar of every symbol of the universe by now; one without is left out everywhere."""
    firsts = _first_sessions(warehouse)
    without = [i for i in settings.universe if firsts.get(i.symbol, date.max) > sessions.last]
    rows = pd.DataFrame([i.model_dump() for i in without], columns=["symbol", "asset_class", "group", "name"])
    seen = as_sql(f"select symbol, min(session) from {PRICES.name} group by symbol")
    return _warning(rows, list(rows.columns), {}, seen)


@session_check()
def the_source_can_be_read(sessions: SessionRange, market_data: dg.ResourceParam[MarketData]) -> dg.AssetCheckResult:
    """Nothing that the source holds was left out because it could not be read. What can be read goes on.

    A symbol whose file cannot be read has no bar, and counts as delisted after some sessions: mend it before.
    """
    unread = _unread(market_data)
    rows = pd.DataFrame([{"reason": one.reason, "refusal": str(one)} for one in unread], columns=["reason", "refusal"])
    result = _warning(rows, list(rows.columns), {str(n): int(c) for n, c in rows["reason"].value_counts().items()})
    return result._replace(description=_in_words(unread)) if unread else result


@session_check()
def the_session_has_prices(sessions: SessionRange, warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    """No session was gone on with without prices: then positions stand at older closes, and no orders were planned.

    What the source delivers of it later is a restatement, and taken over only with `accept_restatements`.
    """
    rows = _holes(warehouse, sessions)
    result = _warning(rows, list(PRICE_HOLES.column_names), {}, all_rows_of(PRICE_HOLES.name, sessions))
    listed = ", ".join(str(day.date()) for day in rows["session"][-3:])
    return result if rows.empty else result._replace(description=f"Gone on without prices: {listed}.")


@session_check()
def vendors_agree(sessions: SessionRange, warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    """No vendor of several says otherwise of a bar than the first one that has it, beyond `quality.vendor_difference`.

    Prices hold the first one's: look which is right, and mend it at its source.
    """
    rows = frame(warehouse.read(VENDOR_DIFFERENCES.name, sessions))
    fields = {str(name): int(count) for name, count in rows["field"].value_counts().items()}
    return _warning(rows, list(VENDOR_DIFFERENCES.column_names), fields, all_rows_of(VENDOR_DIFFERENCES.name, sessions))


@session_check(blocking=True)
def most_of_the_universe_is_there(
    sessions: SessionRange,
    warehouse: dg.ResourceParam[Warehouse],
    settings: dg.ResourceParam[Settings],
) -> dg.AssetCheckResult:
    """Each session holds at least `quality.minimum_coverage` of the symbols that traded lately, or all stops."""
    delist_after = settings.simulated_broker.delist_after_sessions
    known = SessionRange(previous_session(sessions.first, delist_after) or sessions.first, sessions.last)
    rows = coverage(frame(warehouse.read(PRICES.name, known, columns=["session", "symbol"])), sessions, settings)
    rows = rows[~rows["session"].isin(_holes(warehouse, sessions)["session"])]
    lacking = rows[rows["share"] < settings.quality.minimum_coverage]
    return dg.AssetCheckResult(
        passed=lacking.empty,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={
            "lowest_share": float(rows["share"].min()) if len(rows) else 0.0,
            **_table(lacking, list(rows.columns)),
        },
    )


def description(environment: Environment) -> str:
    """With a page about what is made up, where the environment asks for the made-up market."""
    made_up = environment.market_data == "simulated"
    return "\n\n".join((describe(PRICES), *([made_up_market()] if made_up else [])))


@session_asset(
    table=PRICES,
    group="market",
    description=description(read_environment()),
    begins="market",
    also_fills=(CORPORATE_ACTIONS, PRICE_HOLES, PRICE_RESTATEMENTS, QUARANTINE, VENDOR_DIFFERENCES),
    checks=(
        bars_are_healthy,
        no_restatements,
        the_past_is_as_it_was,
        every_symbol_has_history,
        the_source_can_be_read,
        the_session_has_prices,
        vendors_agree,
        most_of_the_universe_is_there,
    ),
)
def prices(
    sessions: SessionRange,
    config: PricesConfig,
    warehouse: dg.ResourceParam[Warehouse],
    market_data: dg.ResourceParam[MarketData],
    settings: dg.ResourceParam[Settings],
) -> Stored:
    delivered = market_data.bars(settings.symbols, sessions)
    stored = _stored(warehouse, sessions, settings)

    def judged(known: StoredBars) -> Judgement:
        return judge(
            delivered,
            sessions=sessions,
            stored=known,
            source=market_data.source,
            terms=settings,
            accept_restatements=config.accept_restatements,
        )

    holes = _holes(warehouse, sessions)
    if config.without_prices:
        found = hole_found(sessions, stored, judged)
        holes = pd.DataFrame({"session": [sessions.first], "found": [found], "source": [market_data.source]})
        stored = replace(stored, holes={*stored.holes, sessions.first})
    with _saying_what_is_unread(market_data):
        judgement = judged(stored)
    past = _judged_past(market_data, sessions.first, warehouse, settings)
    with warehouse.transaction() as transaction:
        rows = transaction.replace(PRICES.name, sessions, judgement.prices)
        transaction.replace(PRICE_HOLES.name, sessions, still_holes(holes, judgement.prices))
        transaction.replace(CORPORATE_ACTIONS.name, sessions, judgement.actions)
        transaction.replace(PRICE_RESTATEMENTS.name, sessions, judgement.restatements)
        transaction.replace(QUARANTINE.name, sessions, judgement.quarantine)
        transaction.replace(VENDOR_DIFFERENCES.name, sessions, _of_sessions(sessions, _differences(market_data)))
        for name, added in past.items():
            transaction.insert(name, added)
    if isinstance(market_data, RemembersThePast):
        market_data.past_is_recorded()
    return Stored(
        rows,
        {
            "source": market_data.source,
            **({"bars by source": _by_source(judgement.prices)} if AND in market_data.source else {}),
            "symbols": int(judgement.prices["symbol"].nunique()),
            "restatements": len(judgement.restatements),
            "restatements of earlier sessions": sum(len(added) for added in past.values()),
        },
        came_in=len(delivered),
        dropped=_counted(judgement.quarantine, "") | _counted(past.get(QUARANTINE.name), " of earlier sessions"),
    )


def _unread(market_data: MarketData) -> Sequence[DataError]:
    return market_data.refusals() if isinstance(market_data, TellsWhatIsUnreadable) else ()


def _differences(market_data: MarketData) -> pd.DataFrame:
    return market_data.differences() if isinstance(market_data, ComparesVendors) else _NO_DIFFERENCES


def _of_sessions(sessions: SessionRange, rows: pd.DataFrame) -> pd.DataFrame:
    """Without what was delivered beside them."""
    return rows[rows["session"].isin([pd.Timestamp(session) for session in sessions])] if len(rows) else rows


def _by_source(prices: pd.DataFrame) -> str:
    return ", ".join(f"{source} {count:,}" for source, count in prices["source"].value_counts().items())


def _in_words(unread: Sequence[DataError]) -> str:
    more = f" And {len(unread) - 3} more." if len(unread) > 3 else ""
    return " ".join(str(one) for one in unread[:3]) + more


@contextmanager
def _saying_what_is_unread(market_data: MarketData) -> Iterator[None]:
    """A session that is refused for its missing bars names what could not be read: that may be why."""
    try:
        yield
    except DataError as refusal:
        unread = _unread(market_data)
        told = {"unreadable": _in_words(unread)} if unread else {}
        raise DataError(refusal.reason, remedy=refusal.remedy, **refusal.figures, **told) from None


def _counted(refused: pd.DataFrame | None, when: str) -> dict[str, int]:
    if refused is None:
        return {}
    return {f"{rule}{when}": int(count) for rule, count in refused["rule"].value_counts().items()}


def _stored(warehouse: Warehouse, sessions: SessionRange, settings: Settings) -> StoredBars:
    """What the judge has to know of the tables; refused when the session before the range is missing in them."""
    known = SessionRange(memory_start(sessions.first, settings), sessions.last)
    with warehouse.reading() as reader:
        before = [reader.newest(table.name, before=sessions.first) for table in (PRICES, PRICE_HOLES)]
        previous_state_session(sessions.first, max((day for day in before if day is not None), default=None))
        require_joined(sessions.last, reader.oldest(PRICES.name))
        return StoredBars(
            prices=frame(reader.read(PRICES.name, known)),
            quarantine=frame(reader.read(QUARANTINE.name, known)),
            restatements=frame(reader.read(PRICE_RESTATEMENTS.name, sessions)),
            first_sessions=_first_sessions(reader),
            actions=frame(reader.read(CORPORATE_ACTIONS.name, known)),
            holes=reader.sessions(PRICE_HOLES.name, known),
        )


def _holes(warehouse: Warehouse, sessions: SessionRange) -> pd.DataFrame:
    return frame(warehouse.read(PRICE_HOLES.name, sessions))


def _judged_past(
    market_data: MarketData, first: date, warehouse: Warehouse, settings: Settings
) -> Mapping[str, pd.DataFrame]:
    """What the source says otherwise of the sessions before one: rows to be added, by table."""
    last = previous_session(first)
    if last is None or not isinstance(market_data, RemembersThePast):
        return {}
    changed = market_data.changed_past(settings.symbols, first)
    symbols = {*changed.bars["symbol"], *changed.gone["symbol"]}
    if not symbols:
        return {}
    before = SessionRange(all_sessions()[0], last)
    with warehouse.reading() as reader:

        def stored(table: Table) -> pd.DataFrame:
            rows = [frame(reader.read(table.name, before, where={"symbol": symbol})) for symbol in sorted(symbols)]
            return pd.concat(rows, ignore_index=True)

        held = StoredBars(stored(PRICES), stored(QUARANTINE), stored(PRICE_RESTATEMENTS), _first_sessions(reader))
    bars, gone = (_of_its_vendor(rows, held.prices) for rows in (changed.bars, changed.gone))
    restated, refused = judge_past(bars, gone, sessions=before, stored=held, terms=settings)
    return {PRICE_RESTATEMENTS.name: restated, QUARANTINE.name: refused}


def _of_its_vendor(changed: pd.DataFrame, stored: pd.DataFrame) -> pd.DataFrame:
    """Without what a vendor says otherwise of a bar that another one's is stored of."""
    if "source" not in changed:
        return changed
    whose = changed[["session", "symbol"]].merge(
        stored[["session", "symbol", "source"]].astype({"session": changed["session"].dtype}), how="left"
    )["source"]
    return changed[(whose.isna() | (whose == changed["source"].reset_index(drop=True))).to_numpy()]


def _first_sessions(reader: Reader) -> dict[str, date]:
    firsts = reader.query("select symbol, min(session) as session from prices group by symbol")
    return dict(zip(firsts["symbol"].to_pylist(), firsts["session"].to_pylist(), strict=True))


def _open_restatements(warehouse: Warehouse, sessions: SessionRange) -> pd.DataFrame:
    """What the source said last of each bar, where nobody has accepted it."""
    recorded = frame(warehouse.read(PRICE_RESTATEMENTS.name, sessions)).sort_values("version")
    newest = recorded.drop_duplicates(["session", "symbol"], keep="last")
    return newest[~newest["accepted"].to_numpy(dtype=bool)].sort_values(["session", "symbol"])


def _warning(
    rows: pd.DataFrame,
    columns: Sequence[str],
    figures: Mapping[str, int],
    everything: dg.MarkdownMetadataValue | None = None,
) -> dg.AssetCheckResult:
    """Newest first: the first is the newest."""
    newest = rows[list(columns)].iloc[:-2:-1].astype(str).to_dict("records")
    return dg.AssetCheckResult(
        passed=rows.empty,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            **{"offending": len(rows), **figures, **_table(rows, columns)},
            **({} if rows.empty or everything is None else {ALL_ROWS: everything}),
        },
        description=None if rows.empty else in_words(newest, len(rows)),
    )


def _table(rows: pd.DataFrame, columns: Sequence[str]) -> dict[str, dg.MetadataValue]:
    """The offending rows for people, newest first."""
    if rows.empty:
        return {}
    cells = rows[list(columns)].iloc[::-1].astype(str).to_numpy()
    records = [dict(zip(columns, row, strict=True)) for row in cells]
    return {"offending rows": dg.MetadataValue.md(markdown_table(records))}
