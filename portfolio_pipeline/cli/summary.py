"""What people see of the portfolio in a terminal: read from the tables, computed nowhere."""

from __future__ import annotations

from typing import Any

import pandas as pd
from rich.panel import Panel
from rich.table import Column, Table

from portfolio_pipeline.adapters.wiring import Wiring
from portfolio_pipeline.cli.stored_history import (
    EVERY_SESSION,
    EVERY_SESSION_AND_STRATEGY,
    complete_through,
    last_stored,
)
from portfolio_pipeline.cli.terminal import OUT, say
from portfolio_pipeline.core import tables as schemas
from portfolio_pipeline.core.calendar.sessions import SessionRange, last_closed_session
from portfolio_pipeline.core.execution.halt import trading_state
from portfolio_pipeline.core.tables.rows import frame

_SHOWN = {
    "cumulative_return": ("Return", "{:+.1%}"),
    "annual_return": ("a year", "{:+.1%}"),
    "volatility": ("Volatility", "{:.1%}"),
    "sharpe": ("Sharpe", "{:.2f}"),
    "max_drawdown": ("Worst drawdown", "{:.1%}"),
}
_SCOPES = ("account", "benchmark")
_MOST_ORDERS = 12
_ASKED_BY_HAND = "backtest"


def show_summary(wired: Wiring) -> None:
    """Equity, performance and orders of the newest complete session."""
    session = complete_through(wired.warehouse)
    if session is None:
        say("No session is complete yet.")
        return
    only = SessionRange.single(session)
    _banner(wired)
    with wired.warehouse.reading() as reader:
        account = frame(reader.read(schemas.ACCOUNT.name, only, where={"book": "account"}))
        metrics = frame(reader.read(schemas.METRICS.name, only))
        planned = frame(reader.read(schemas.ORDERS.name, only))
    equity = f"{account['equity'].iloc[0]:,.2f}" if len(account) else "none"
    OUT.print(_performance(metrics, f"Session {session}: equity {equity}"))
    OUT.print(_orders(planned, only))
    _halt(wired)


def show_status(wired: Wiring) -> None:
    """Halt state, how far every table goes, the account, and what failed."""
    _banner(wired)
    _halt(wired)
    last = last_closed_session(wired.clock.now())
    table = Table(title=f"Tables in {wired.warehouse.location}; the last closed session is {last}")
    table.add_column("table")
    table.add_column("last session")
    daily = {declared.name for declared in (*EVERY_SESSION, *EVERY_SESSION_AND_STRATEGY)}
    with wired.warehouse.reading() as reader:
        reached = {one.name: last_stored(reader, one.name) for one in schemas.TABLES if one.by_session}
    for name, session in reached.items():
        late = name in daily and session != last
        table.add_row(name, str(session or "-"), style="yellow" if late else "")
    OUT.print(table)
    complete = complete_through(wired.warehouse)
    if complete is None:
        say("No session is complete yet: run `portfolio up`.")
        return
    account = frame(
        wired.warehouse.read(schemas.ACCOUNT.name, SessionRange.single(complete), where={"book": "account"})
    )
    say(f"Equity at the close of {complete}: {account['equity'].iloc[0]:,.2f}")
    _failures(wired, SessionRange.single(complete))


def show_strategies(wired: Wiring) -> None:
    """All cards, whether they get capital, and whether their results were believed at the newest session."""
    from portfolio_pipeline.adapters.cards import load_cards

    newest = wired.warehouse.query(
        f"select strategy, session, verdict, reasons from {schemas.STRATEGY_HONESTY.name} as judged where session ="
        f" (select max(session) from {schemas.STRATEGY_HONESTY.name} where strategy = judged.strategy)"
    ).to_pylist()
    verdicts = {row["strategy"]: row for row in newest}
    table = Table(*(Column(heading, no_wrap=True) for heading in ("name", "type", "stage", "verdict", "rebalance")))
    cards = load_cards()
    for card in cards:
        verdict = verdicts[card.name]["verdict"] if card.name in verdicts else "-"
        style = "yellow" if verdict == "doubted" else ""
        table.add_row(card.name, card.type, card.stage, verdict, card.rebalance, style=style)
    OUT.print(table)
    for card in cards:
        say(f"{card.name} ({', '.join(card.symbols.asset_classes or card.symbols.only)}): {card.description}")
        judged = verdicts.get(card.name)
        if judged is not None and judged["reasons"]:
            say(f"  {judged['verdict']} at the close of {judged['session']}: {judged['reasons']}")


def _banner(wired: Wiring) -> None:
    if "SIMULATED" in (wired.market_data.source, wired.broker.mode):
        made_up = [
            *(["prices"] if wired.market_data.source == "SIMULATED" else []),
            *(["fills"] if wired.broker.mode == "SIMULATED" else []),
        ]
        OUT.print(Panel(f"S I M U L A T E D\nmade up: {' and '.join(made_up)}", style="bold yellow", expand=False))


def _halt(wired: Wiring) -> None:
    state = trading_state(wired.warehouse.read(schemas.HALT_EVENTS.name))
    if state.halted:
        say(f"Trading is HALTED since {state.since:%Y-%m-%d %H:%M} UTC: {state.reason}", "bold red")


def _performance(metrics: pd.DataFrame, title: str) -> Table:
    table = Table(title=title)
    table.add_column("", no_wrap=True)
    for heading, _ in _SHOWN.values():
        table.add_column(heading, justify="right")
    values = metrics.set_index(["scope", "metric"])["value"]
    books = sorted({str(scope) for scope in metrics["scope"] if str(scope).startswith("strategy:")})
    for scope in (*_SCOPES, *books):
        table.add_row(scope, *(_cell(values.get((scope, name)), form) for name, (_, form) in _SHOWN.items()))
    return table


def _cell(value: Any, form: str) -> str:
    return "" if value is None or pd.isna(value) else form.format(value)


def _orders(orders: pd.DataFrame, only: SessionRange) -> Table:
    accepted = orders[orders["verdict"] == "accepted"]
    table = Table(title=f"Orders decided at the close of {only.first}: {len(accepted)}")
    table.add_column("symbol")
    table.add_column("side")
    for heading in ("quantity", "value"):
        table.add_column(heading, justify="right")
    table.add_column("reason")
    largest = accepted.assign(value=accepted["quantity"] * accepted["reference_price"]).sort_values(
        ["value", "symbol"], ascending=[False, True]
    )
    for order in largest.head(_MOST_ORDERS).to_dict("records"):
        quantity, value = f"{order['quantity']:,g}", f"{order['value']:,.0f}"
        table.add_row(order["symbol"], order["side"], quantity, value, order["reason"])
    if len(accepted) > _MOST_ORDERS:
        table.add_row(f"and {len(accepted) - _MOST_ORDERS} smaller ones", "", "", "", "")
    return table


def _failures(wired: Wiring, only: SessionRange) -> None:
    """What a person has to look at: refused or unknown submissions, open breaches, quarantined bars, failed runs."""
    submissions = frame(wired.warehouse.read(schemas.SUBMISSIONS.name, only))
    breaches = frame(wired.warehouse.read(schemas.RISK_BREACHES.name, only, where={"severity": "block"}))
    quarantined = frame(wired.warehouse.read(schemas.QUARANTINE.name, only))
    found = [
        *(
            f"order {row.client_order_id} is {row.state}: {row.error}"
            for row in _rows(submissions, {"refused", "unknown"})
        ),
        *(f"{row.rule} of {row.subject} stopped orders: {row.action}" for row in breaches.itertuples()),
        *(f"bar of {row.symbol} quarantined by {row.rule}: {row.found}" for row in quarantined.itertuples()),
        *_failed_runs(),
    ]
    say("Nothing is open." if not found else "Open:", "bold green" if not found else "bold yellow")
    for line in found:
        say(f"  {line}")


def _rows(submissions: pd.DataFrame, states: set[str]) -> Any:
    return submissions[submissions["state"].isin(states)].itertuples()


def _failed_runs() -> list[str]:
    """The newest run, if it failed. A back-test that was asked for wrongly is nothing that stays open."""
    import dagster as dg

    with dg.DagsterInstance.get() as instance:
        newest = next((r for r in instance.get_run_records(limit=20) if r.dagster_run.job_name != _ASKED_BY_HAND), None)
    if newest is None or newest.dagster_run.status != dg.DagsterRunStatus.FAILURE:
        return []
    when = f"{newest.create_timestamp:%Y-%m-%d %H:%M}"
    return [f"the newest run, {newest.dagster_run.run_id}, failed on {when} UTC"]
