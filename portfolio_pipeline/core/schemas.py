"""The tables of the house: one per noun, declared once, the same on every engine.

A table's columns, types, units, grain and key live here and nowhere else: the warehouse creates tables from these
declarations, frames are checked against them at the doors, and the Dagster UI shows them. Columns are a contract with
tools outside the project: they may be added (with a migration), not renamed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from portfolio_pipeline.core.regime_names import REGIMES

ColumnType = Literal["date", "text", "double", "bigint", "boolean", "timestamp"]


@dataclass(frozen=True)
class Column:
    """One column. `timestamp` is UTC without a zone, in microseconds. NaN counts as NULL."""

    name: str
    type: ColumnType
    description: str
    unit: str = ""
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    one_of: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """One table; `key` is its primary key. `by_session` tables are replaced by session range."""

    name: str
    grain: str
    description: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def by_session(self) -> bool:
        return self.key[0] == "session"

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


def _session(description: str = "the trading session this row belongs to") -> Column:
    return Column("session", "date", description)


def _text(name: str, description: str, *one_of: str, nullable: bool = False) -> Column:
    return Column(name, "text", description, nullable=nullable, one_of=one_of)


def _number(
    name: str,
    description: str,
    unit: str = "",
    *,
    nullable: bool = False,
    minimum: float | None = None,
    maximum: float | None = None,
) -> Column:
    return Column(name, "double", description, unit, nullable, minimum, maximum)


SYMBOL = _text("symbol", "ticker of the instrument")
STRATEGY = _text("strategy", "name of the strategy card")
BOOK = _text("book", "`account`, a strategy's name, or `reserve` for capital given to no strategy")
SIDE = _text("side", "direction of the trade", "buy", "sell")
_BAR = (
    _number("open", "first traded price, as printed", "currency per share", minimum=0),
    _number("high", "highest traded price, as printed", "currency per share", minimum=0),
    _number("low", "lowest traded price, as printed", "currency per share", minimum=0),
    _number("close", "last traded price, as printed", "currency per share", minimum=0),
    _number("volume", "shares traded, as printed", "shares", minimum=0),
    _number("dividend", "cash paid per share held after the session's split", "currency per share", minimum=0),
    _number("split_ratio", "new shares per old share, in force from the session's open; 1 without a split", minimum=0),
    _text("source", "where the bar came from; SIMULATED for made-up markets"),
    Column("retrieved_at", "timestamp", "when the bar was retrieved; the session's close for simulated markets"),
)

PRICES = Table(
    "prices",
    "one row per session and symbol",
    "Accepted raw bars with the corporate actions of the session; append-only.",
    ("session", "symbol"),
    (_session(), SYMBOL, *_BAR),
)
PRICE_RESTATEMENTS = Table(
    "price_restatements",
    "one row per session, symbol and version",
    "Bars that a source later delivered differently from what was stored, or only after later bars were stored.",
    ("session", "symbol", "version"),
    (
        _session(),
        SYMBOL,
        Column("version", "bigint", "2 for the first restatement of a bar, and so on"),
        _text("kind", "`changed`: differs from the stored bar; `late`: no bar was stored", "changed", "late"),
        Column("accepted", "boolean", "whether a person accepted it into prices"),
        *_BAR,
    ),
)
QUARANTINE = Table(
    "quarantine",
    "one row per session, symbol and rule",
    "Bars that were refused or missing: what, where, what was found, what was expected, what to do.",
    ("session", "symbol", "rule"),
    (
        _session(),
        SYMBOL,
        _text("rule", "the data-quality rule that was broken"),
        _text("found", "what the bar holds"),
        _text("expected", "what the rule asks for"),
        _text("remedy", "what a person can do about it"),
        _number("open", "as delivered", "currency per share", nullable=True),
        _number("high", "as delivered", "currency per share", nullable=True),
        _number("low", "as delivered", "currency per share", nullable=True),
        _number("close", "as delivered", "currency per share", nullable=True),
        _number("volume", "as delivered", "shares", nullable=True),
        _text("source", "where the bar came from"),
    ),
)
FEATURES = Table(
    "features",
    "one row per session and symbol that traded",
    "What is known about a symbol at the close, from bars up to that close. Partial windows are NULL.",
    ("session", "symbol"),
    (
        _session(),
        SYMBOL,
        _number("adjusted_close", "total-return close: splits and reinvested dividends up to this session", "currency"),
        _number("return_1d", "total return since the previous bar", "fraction", nullable=True),
        *(
            _number(f"momentum_{days}d", f"total return over {days} bars", "fraction", nullable=True)
            for days in (20, 60, 120, 252)
        ),
        *(
            _number(
                f"volatility_{days}d",
                f"standard deviation of {days} daily returns, annualised with 252",
                "fraction per year",
                nullable=True,
                minimum=0,
            )
            for days in (20, 60)
        ),
        *(
            _number(f"sma_{days}d", f"mean adjusted close of {days} bars", "currency", nullable=True)
            for days in (50, 200)
        ),
        _number("rsi_14d", "relative strength index over 14 bars (simple means)", "0-100", nullable=True),
        _number(
            "zscore_20d", "distance of the adjusted close from its 20-bar mean", "standard deviations", nullable=True
        ),
    ),
)
REGIME_TABLE = Table(
    "regimes",
    "one row per session",
    "The market regime at the close and the filtered probability of each regime (never smoothed with later data).",
    ("session",),
    (
        _session(),
        _text("regime", "the most probable regime", *REGIMES),
        *(_number(f"probability_{name}", f"filtered probability of {name}", minimum=0, maximum=1) for name in REGIMES),
    ),
)
OPTIMIZED_PARAMETERS = Table(
    "optimized_parameters",
    "one row per session and strategy",
    "The parameters a strategy uses from the next session on, chosen with data up to this close.",
    ("session", "strategy"),
    (
        _session(),
        STRATEGY,
        _text("parameters", "the chosen parameters, JSON with sorted keys"),
        _text("objective", "what was maximised"),
        _number(
            "score", "the chosen parameters' score on the trailing window; NULL before there is one", nullable=True
        ),
        Column("trials", "bigint", "parameter sets that were compared"),
        Column("changed", "boolean", "whether they differ from the previous session's"),
    ),
)
OPTIMIZATION_RESULTS = Table(
    "optimization_results",
    "one row per session, strategy and rank",
    "The best parameter sets of each search.",
    ("session", "strategy", "rank"),
    (
        _session(),
        STRATEGY,
        Column("rank", "bigint", "1 is the best score"),
        _text("parameters", "JSON with sorted keys"),
        _text("metrics", "the set's metrics on the trailing window, JSON"),
        Column("is_pareto", "boolean", "whether no other set is better on return, volatility and drawdown at once"),
    ),
)
STRATEGY_TARGETS = Table(
    "strategy_targets",
    "one row per session, strategy and symbol of its universe",
    "The strategy's own target weights at the close, before capital is shared out.",
    ("session", "strategy", "symbol"),
    (
        _session(),
        STRATEGY,
        SYMBOL,
        _number(
            "weight", "target share of the strategy's capital; without a decision, the share held on paper", "fraction"
        ),
        Column("decided", "boolean", "whether the strategy decided at this close; else it keeps what it holds"),
    ),
)
STRATEGY_RETURNS = Table(
    "strategy_returns",
    "one row per session and strategy",
    "Paper return of the strategy over the session, out of sample: decided at an earlier close, traded at the open.",
    ("session", "strategy"),
    (
        _session(),
        STRATEGY,
        _number("gross_return", "before costs", "fraction"),
        _number("cost", "trading costs", "fraction of equity", minimum=0),
        _number("net_return", "after costs", "fraction"),
        _number("turnover", "bought plus sold", "fraction of equity", minimum=0),
    ),
)
STRATEGY_PAPER_BOOKS = Table(
    "strategy_paper_books",
    "one row per session, strategy and symbol held on paper",
    "State of each strategy's paper book at the close, from which the next session goes on.",
    ("session", "strategy", "symbol"),
    (
        _session(),
        STRATEGY,
        _text("symbol", "ticker, or `cash`"),
        _number("quantity", "total-return units of the symbol, or cash", "units"),
        Column("sessions_without_bar", "bigint", "sessions since the symbol last traded"),
        _number("price", "last total-return close it was marked at; 1 for cash", "currency"),
    ),
)
STRATEGY_WEIGHTS = Table(
    "strategy_weights",
    "one row per session and strategy",
    "Share of the account's capital that each strategy is given.",
    ("session", "strategy"),
    (
        _session(),
        STRATEGY,
        _number("weight", "share of capital from the next session on", "fraction", minimum=0),
        _number("previous_weight", "share at the previous session; NULL on the first", "fraction", nullable=True),
        _text("method", "how it was found"),
        Column("locked", "boolean", "whether the settings hold this share fixed"),
        _number("requested_weight", "share the method asks for, before limits", "fraction", minimum=0),
        _text("reason", "which limit moved the share away from what was asked; empty when none did"),
    ),
)
AGGREGATED_TARGETS = Table(
    "aggregated_targets",
    "one row per session and symbol",
    "The strategies' targets netted into one book, as asked for and after limits.",
    ("session", "symbol"),
    (
        _session(),
        SYMBOL,
        _number("requested_weight", "what the strategies together ask for", "fraction of equity"),
        _number("weight", "what is left after limits", "fraction of equity"),
        _text("reason", "which limits cut it; empty when nothing was cut"),
    ),
)
RISK_METRICS = Table(
    "risk_metrics",
    "one row per session, scope and metric",
    "Exposures and risk figures of the targets, with the limit where there is one.",
    ("session", "scope", "metric"),
    (
        _session(),
        _text("scope", "`portfolio`, `asset_class:<name>`, `symbol:<ticker>` or `stress:<scenario>`"),
        _text("metric", "what was measured"),
        _number("value", "the figure", nullable=True),
        _number("limit_value", "its limit, when it has one", nullable=True),
    ),
)
RISK_BREACHES = Table(
    "risk_breaches",
    "one row per session, level, subject and rule",
    "Limits that were hit, and what was done about it.",
    ("session", "level", "subject", "rule"),
    (
        _session(),
        _text("level", "where in the chain it was found", "targets", "orders", "submission"),
        _text("subject", "symbol, asset class, strategy or `portfolio`"),
        _text("rule", "the limit"),
        _text(
            "severity",
            "`cut`: mitigated; `warning`: reported, getting smaller; `block`: stopped",
            "cut",
            "warning",
            "block",
        ),
        _number("found", "the figure before any action", nullable=True),
        _number("limit_value", "the limit", nullable=True),
        _text("action", "what was done"),
        Column("resolved_session", "date", "session at which it no longer held", nullable=True),
    ),
)
ORDERS = Table(
    "orders",
    "one row per session and order ticket",
    "Order tickets planned at the close for the next session, with the risk verdict on them.",
    ("session", "client_order_id"),
    (
        _session("the session at whose close the order was decided"),
        _text("client_order_id", "unique for good; a pure function of the plan"),
        SYMBOL,
        SIDE,
        _number("quantity", "shares to trade", "shares", minimum=0),
        _text("order_type", "how it is to be filled", "market", "limit"),
        _number("limit_price", "for limit orders", "currency per share", nullable=True),
        _text("time_in_force", "how long it stands", "day"),
        _text("reason", "why it is traded"),
        _text("verdict", "`accepted`, or `refused` when a limit forbids the session's orders", "accepted", "refused"),
        _number("reference_price", "close it was sized at, as printed", "currency per share", minimum=0),
        _number("target_weight", "target of the symbol", "fraction of equity"),
    ),
)
SUBMISSIONS = Table(
    "submissions",
    "one row per session and order ticket",
    "What was sent to the broker, and the state of each order at that close; what became of it is in order_outcomes.",
    ("session", "client_order_id"),
    (
        _session("the session at whose close the order was decided"),
        _text("client_order_id", "the order"),
        _text("state", "state of the order", "accepted", "filled", "partially_filled", "expired", "refused", "unknown"),
        _text("broker_order_id", "the broker's own identifier", nullable=True),
        _number("filled_quantity", "shares filled so far", "shares", minimum=0),
        Column("updated_at", "timestamp", "when the state was last changed (simulated: the market's time)"),
        _text("error", "why it was refused", nullable=True),
    ),
)
_OUTCOME = (
    _session("the session in which it was executed or expired"),
    _text("client_order_id", "the order, decided at the close before"),
    _text("state", "what became of it", "filled", "partially_filled", "expired"),
    _number("filled_quantity", "shares filled, of the split then in force", "shares", minimum=0),
    Column("updated_at", "timestamp", "when it was filled or expired (simulated: the market's time)"),
    _text("error", "why it was not filled in full", nullable=True),
)
ORDER_OUTCOMES = Table(
    "order_outcomes",
    "one row per session and order that came to its end in it",
    "What became of the orders decided at the previous close.",
    ("session", "client_order_id"),
    _OUTCOME,
)
FILLS = Table(
    "fills",
    "one row per session and execution",
    "Executions that happened in the session, of orders decided at the previous close.",
    ("session", "fill_id"),
    (
        _session("the session in which it was executed"),
        _text("fill_id", "the broker's identifier of the execution"),
        _text("client_order_id", "the order it belongs to"),
        SYMBOL,
        SIDE,
        _number("quantity", "shares", "shares", minimum=0),
        _number("price", "price per share, spread and slippage included", "currency per share", minimum=0),
        _number("commission", "commission", "currency", minimum=0),
        Column("filled_at", "timestamp", "when it was executed"),
    ),
)
POSITIONS = Table(
    "positions",
    "one row per session, book and symbol held",
    "Holdings at the close: of the account, and each strategy's share of them.",
    ("session", "book", "symbol"),
    (
        _session(),
        BOOK,
        SYMBOL,
        _number("quantity", "shares held; negative when short", "shares"),
        _number("average_cost", "average price paid, split-adjusted", "currency per share"),
        _number(
            "price", "last close, as printed and split-adjusted while there is no bar", "currency per share", minimum=0
        ),
        _number("market_value", "quantity times price", "currency"),
        _number("unrealized_pnl", "market value less cost", "currency"),
        Column("sessions_without_bar", "bigint", "sessions since the symbol last traded"),
    ),
)
ACCOUNT = Table(
    "account",
    "one row per session and book",
    "Equity and cash of the account and of each strategy's book at the close.",
    ("session", "book"),
    (
        _session(),
        BOOK,
        _number("equity", "cash plus market value", "currency"),
        _number("cash", "cash", "currency"),
        _number("gross_exposure", "absolute market value over equity", "fraction of equity"),
        _number("net_exposure", "market value over equity", "fraction of equity"),
        _number("profit_and_loss", "change of equity over the session without capital moved between books", "currency"),
        _number("transfer", "capital moved into the book at the close", "currency"),
    ),
)
METRICS = Table(
    "metrics",
    "one row per session, scope and metric",
    "Performance up to the close of the account, of each strategy's book and of the benchmark.",
    ("session", "scope", "metric"),
    (
        _session(),
        _text("scope", "`account`, `benchmark`, `strategy:<name>` (its book) or `paper:<name>` (its paper returns)"),
        _text("metric", "what was measured"),
        _number("value", "the figure", nullable=True),
    ),
)
SIM_ACCOUNT = Table(
    "sim_account",
    "one row per session",
    "The simulated broker's own record of cash and equity at each close.",
    ("session",),
    (_session(), _number("cash", "cash", "currency"), _number("equity", "cash plus market value", "currency")),
)
SIM_POSITIONS = Table(
    "sim_positions",
    "one row per session and symbol",
    "The simulated broker's own record of holdings at each close.",
    ("session", "symbol"),
    (
        _session(),
        SYMBOL,
        _number("quantity", "shares", "shares"),
        _number("price", "last close, split-adjusted while there is no bar", "currency per share"),
        Column("sessions_without_bar", "bigint", "sessions since the symbol last traded"),
    ),
)
SIM_ORDERS = Table(
    "sim_orders",
    "one row per session and order",
    "Orders the simulated broker has received.",
    ("session", "client_order_id"),
    (
        _session("the session after whose close it was received"),
        _text("client_order_id", "the sender's identifier"),
        _text("broker_order_id", "the simulated broker's identifier"),
        SYMBOL,
        SIDE,
        _number("quantity", "shares", "shares", minimum=0),
        _text("order_type", "how it is to be filled", "market", "limit"),
        _number("limit_price", "for limit orders", "currency per share", nullable=True),
        _text("time_in_force", "how long it stands", "day"),
        _text("state", "whether it was taken", "accepted", "refused"),
        _text("error", "why it was refused", nullable=True),
    ),
)
SIM_OUTCOMES = Table(
    "sim_outcomes",
    "one row per session and order that came to its end in it",
    "What became of the simulated broker's orders.",
    ("session", "client_order_id"),
    _OUTCOME,
)
SIM_FILLS = Table(
    "sim_fills",
    "one row per session and execution",
    "Executions the simulated broker has made.",
    ("session", "fill_id"),
    FILLS.columns,
)
HALT_EVENTS = Table(
    "halt_events",
    "one row per event",
    "Every halt and resume of trading; the latest event is the state.",
    ("event_id",),
    (
        Column("event_id", "bigint", "1, 2, 3 …"),
        _text("action", "what was done", "halt", "resume"),
        _text("reason", "why, in the person's words"),
        Column("happened_at", "timestamp", "when"),
    ),
)

TABLES: tuple[Table, ...] = (
    PRICES,
    PRICE_RESTATEMENTS,
    QUARANTINE,
    FEATURES,
    REGIME_TABLE,
    OPTIMIZED_PARAMETERS,
    OPTIMIZATION_RESULTS,
    STRATEGY_TARGETS,
    STRATEGY_RETURNS,
    STRATEGY_PAPER_BOOKS,
    STRATEGY_WEIGHTS,
    AGGREGATED_TARGETS,
    RISK_METRICS,
    RISK_BREACHES,
    ORDERS,
    SUBMISSIONS,
    ORDER_OUTCOMES,
    FILLS,
    POSITIONS,
    ACCOUNT,
    METRICS,
    SIM_ACCOUNT,
    SIM_POSITIONS,
    SIM_ORDERS,
    SIM_OUTCOMES,
    SIM_FILLS,
    HALT_EVENTS,
)


def table(name: str) -> Table:
    """The declared table of that name."""
    return next(declared for declared in TABLES if declared.name == name)
