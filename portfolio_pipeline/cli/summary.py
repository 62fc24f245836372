"""What people see when a command has computed: what is wrong first, then the newest session's figures and orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table

from portfolio_pipeline.adapters.wiring import Wiring
from portfolio_pipeline.cli.status import beginnings, of_trading, show_banner, troubles_as_facts
from portfolio_pipeline.cli.terminal import BAD, DOUBTFUL, GOOD, Column, Fact, facts, say, show, table
from portfolio_pipeline.core import tables as schemas
from portfolio_pipeline.core.calendar.sessions import SessionRange
from portfolio_pipeline.core.errors import PortfolioError
from portfolio_pipeline.core.execution.halt import either, trading_state
from portfolio_pipeline.core.tables.declare import ACCOUNT_BOOK
from portfolio_pipeline.reads.complete import complete_through
from portfolio_pipeline.reads.made_up import made_up

if TYPE_CHECKING:
    from portfolio_pipeline.cli.chain_run import Outcome

Row = Mapping[str, Any]

_SHOWN = {
    "cumulative_return": ("Return", "{:+.1%}"),
    "max_drawdown": ("Drawdown", "{:.1%}"),
    "sharpe": ("Sharpe", "{:.2f}"),
    "annual_return": ("A year", "{:+.1%}"),
    "volatility": ("Volatility", "{:.1%}"),
}
_SCOPES = ("account", "benchmark")
_OF_STRATEGY = "strategy:"
_ORDER_COLUMNS = (
    Column("Symbol"),
    Column("Side"),
    Column("Quantity", number=True),
    Column("Value", number=True),
    Column("Reason", text=True),
)
_MOST_ORDERS = 12


def show_outcome(wired: Wiring, outcome: Outcome, sessions: SessionRange) -> PortfolioError | None:
    """The summary after a run; gives back what the command ends with, if a check failed or orders were not sent."""
    refusal = outcome.refusal(sessions)
    to_do = refusal.remedy if refusal is not None else ""
    show_summary(wired, wrong=outcome.wrong, to_do=to_do, warnings=outcome.warnings)
    return refusal


def show_summary(wired: Wiring, *, wrong: Sequence[str] = (), to_do: str = "", warnings: Sequence[str] = ()) -> None:
    """How the newest complete session stands. `wrong` and `warnings` are what a run has just found."""
    session = complete_through(wired.warehouse)
    if session is None:
        show(facts([*_as_facts(wrong, to_do, warnings), ("Sessions", "none is complete yet", DOUBTFUL)]))
        return
    only = SessionRange.single(session)
    with wired.warehouse.reading() as reader:
        simulated, begun = made_up(reader), beginnings(reader)
        account = reader.read(schemas.ACCOUNT.name, only, where={"book": ACCOUNT_BOOK}).to_pylist()
        metrics = reader.read(schemas.METRICS.name, only).to_pylist()
        planned = reader.read(schemas.ORDERS.name, only).to_pylist()
        halt = either(wired.halt_switch.state(), trading_state(reader.read(schemas.HALT_EVENTS.name)))
    show_banner(simulated)
    halted = troubles_as_facts(of_trading(halt)) if halt.halted else []
    rows = [*halted, *_as_facts(wrong, to_do, warnings)]
    well = not halt.halted and not wrong
    rows.append(("Session", f"{session} is stored" + (", nothing is wrong" if well else ""), GOOD if well else ""))
    rows.append(("Equity", f"{account[0]['equity']:,.2f}" if account else "none", ""))
    rows.append(("Since", begun, ""))
    show(facts(rows))
    say("")
    show(_performance(metrics))
    say("")
    _show_orders(planned, session.isoformat())


def _as_facts(wrong: Sequence[str], to_do: str, warnings: Sequence[str]) -> list[Fact]:
    rows: list[Fact] = [("Wrong", one, BAD) for one in wrong]
    if wrong and to_do:
        rows.append(("To do", to_do, "bold"))
    return [*rows, *(("Note", one, DOUBTFUL) for one in warnings)]


def _performance(metrics: Sequence[Row]) -> Table:
    values = {(row["scope"], row["metric"]): row["value"] for row in metrics}
    books = sorted({scope for scope, _ in values if scope.startswith(_OF_STRATEGY)})
    columns = (Column(""), *(Column(heading, number=True) for heading, _ in _SHOWN.values()))
    rows = [
        (
            (
                scope.removeprefix(_OF_STRATEGY),
                *(_cell(values.get((scope, name)), form) for name, (_, form) in _SHOWN.items()),
            ),
            "",
        )
        for scope in (*_SCOPES, *books)
    ]
    return table(columns, rows)


def _cell(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)


def _show_orders(orders: Sequence[Row], session: str) -> None:
    accepted = [order for order in orders if order["verdict"] == "accepted"]
    if not accepted:
        say(f"No orders were decided at the close of {session}.")
        return
    largest = sorted(accepted, key=lambda order: (-order["quantity"] * order["reference_price"], order["symbol"]))
    rows = [
        (
            (
                order["symbol"],
                order["side"],
                f"{order['quantity']:,g}",
                f"{order['quantity'] * order['reference_price']:,.0f}",
                order["reason"],
            ),
            "",
        )
        for order in largest[:_MOST_ORDERS]
    ]
    show(table(_ORDER_COLUMNS, rows, f"Orders decided at the close of {session}: {len(accepted)}"))
    if len(accepted) > _MOST_ORDERS:
        say(f"and {len(accepted) - _MOST_ORDERS} smaller ones")
