"""`prices`: bars of the session as the source delivered them, judged; with what was refused and what was restated.

The asset fills three tables in one transaction: prices, price_restatements, quarantine. Its checks show what the judge
(`core.market.quality`) has found; what they only warn of does not hold up the healthy symbols.
"""

from collections.abc import Mapping, Sequence
from datetime import date

import dagster as dg
import pandas as pd

from portfolio_pipeline.components.session_asset import closed_sessions, session_asset, stored
from portfolio_pipeline.core.calendar.continuity import previous_state_session
from portfolio_pipeline.core.calendar.sessions import SessionRange, previous_session
from portfolio_pipeline.core.market.quality.bar_sequence import Stored, memory_start
from portfolio_pipeline.core.market.quality.judge import coverage, judge
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.tables import PRICE_RESTATEMENTS, PRICES, QUARANTINE
from portfolio_pipeline.core.tables.rows import frame
from portfolio_pipeline.partitions import SESSIONS, sessions_of
from portfolio_pipeline.ports import Clock, MarketData, Reader, Warehouse
from portfolio_pipeline.reports.tables import markdown_table


class PricesConfig(dg.Config):
    """How a run of `prices` treats what was stored before."""

    accept_restatements: bool = False


@session_asset(table=PRICES, group="market_data", kinds={"python"})
def prices(
    context: dg.AssetExecutionContext,
    config: PricesConfig,
    warehouse: dg.ResourceParam[Warehouse],
    market_data: dg.ResourceParam[MarketData],
    settings: dg.ResourceParam[Settings],
    clock: dg.ResourceParam[Clock],
) -> dg.MaterializeResult:
    sessions = closed_sessions(context, clock)
    delivered = market_data.bars(settings.symbols, sessions)
    judgement = judge(
        delivered,
        sessions=sessions,
        stored=_stored(warehouse, sessions, settings),
        source=market_data.source,
        terms=settings,
        accept_restatements=config.accept_restatements,
    )
    with warehouse.transaction() as transaction:
        rows = transaction.replace(PRICES.name, sessions, judgement.prices)
        transaction.replace(PRICE_RESTATEMENTS.name, sessions, judgement.restatements)
        transaction.replace(QUARANTINE.name, sessions, judgement.quarantine)
    return stored(
        context,
        sessions,
        rows=rows,
        metadata={
            "source": market_data.source,
            "symbols": int(judgement.prices["symbol"].nunique()),
            "quarantined": len(judgement.quarantine),
            "restatements": len(judgement.restatements),
        },
    )


def _stored(warehouse: Warehouse, sessions: SessionRange, settings: Settings) -> Stored:
    """What the judge has to know of the tables; refused when the session before the range is missing in them."""
    known = SessionRange(memory_start(sessions.first, settings), sessions.last)
    with warehouse.reading() as reader:
        last = reader.query("select max(session) as session from prices where session < $1", [sessions.first])
        previous_state_session(sessions.first, last["session"][0].as_py())
        return Stored(
            prices=frame(reader.read(PRICES.name, known)),
            quarantine=frame(reader.read(QUARANTINE.name, known)),
            restatements=frame(reader.read(PRICE_RESTATEMENTS.name, sessions)),
            first_sessions=_first_sessions(reader),
        )


def _first_sessions(reader: Reader) -> dict[str, date]:
    firsts = reader.query("select symbol, min(session) as session from prices group by symbol")
    return dict(zip(firsts["symbol"].to_pylist(), firsts["session"].to_pylist(), strict=True))


@dg.asset_check(asset=prices, partitions_def=SESSIONS)
def bars_are_healthy(
    context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]
) -> dg.AssetCheckResult:
    """No bar of the session was quarantined or missing. Quarantined bars are not in prices; the other symbols go on."""
    rows = frame(warehouse.read(QUARANTINE.name, sessions_of(context)))
    reasons = {str(rule): int(count) for rule, count in rows["rule"].value_counts().items()}
    return _warning(rows, ["session", "symbol", "rule", "found", "expected", "remedy", "close"], reasons)


@dg.asset_check(asset=prices, partitions_def=SESSIONS)
def no_restatements(
    context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]
) -> dg.AssetCheckResult:
    """The source says of no stored session something else than when it was stored, or that was accepted.

    Prices keep the first version until somebody runs the session with `accept_restatements`.
    """
    rows = frame(warehouse.read(PRICE_RESTATEMENTS.name, sessions_of(context), where={"accepted": False}))
    columns = ["session", "symbol", "version", "kind", "open", "high", "low", "close", "volume", "retrieved_at"]
    return _warning(rows, columns, {})


@dg.asset_check(asset=prices, partitions_def=SESSIONS)
def every_symbol_has_history(
    context: dg.AssetCheckExecutionContext,
    warehouse: dg.ResourceParam[Warehouse],
    settings: dg.ResourceParam[Settings],
) -> dg.AssetCheckResult:
    """The source has delivered a bar of every symbol of the universe by now; one without is left out everywhere."""
    sessions, firsts = sessions_of(context), _first_sessions(warehouse)
    without = [i for i in settings.universe if firsts.get(i.symbol, date.max) > sessions.last]
    rows = pd.DataFrame([i.model_dump() for i in without], columns=["symbol", "asset_class", "group", "name"])
    return _warning(rows, list(rows.columns), {})


@dg.asset_check(asset=prices, partitions_def=SESSIONS, blocking=True)
def most_of_the_universe_is_there(
    context: dg.AssetCheckExecutionContext,
    warehouse: dg.ResourceParam[Warehouse],
    settings: dg.ResourceParam[Settings],
) -> dg.AssetCheckResult:
    """Each session holds at least `quality.minimum_coverage` of the symbols that traded lately, or all stops."""
    sessions = sessions_of(context)
    delist_after = settings.simulated_broker.delist_after_sessions
    known = SessionRange(previous_session(sessions.first, delist_after) or sessions.first, sessions.last)
    rows = coverage(frame(warehouse.read(PRICES.name, known, columns=["session", "symbol"])), sessions, settings)
    lacking = rows[rows["share"] < settings.quality.minimum_coverage]
    return dg.AssetCheckResult(
        passed=lacking.empty,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={"lowest_share": float(rows["share"].min()), **_table(lacking, list(rows.columns))},
    )


def _warning(rows: pd.DataFrame, columns: Sequence[str], figures: Mapping[str, int]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=rows.empty,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"offending": len(rows), **figures, **_table(rows, columns)},
    )


def _table(rows: pd.DataFrame, columns: Sequence[str]) -> dict[str, dg.MetadataValue]:
    """The offending rows for people, newest first."""
    if rows.empty:
        return {}
    cells = rows[list(columns)].iloc[::-1].astype(str).to_numpy()
    records = [dict(zip(columns, row, strict=True)) for row in cells]
    return {"offending rows": dg.MetadataValue.md(markdown_table(records))}
