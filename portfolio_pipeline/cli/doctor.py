"""The examination: what has to be in order before a session can run, each with what was found and what to do.

Each look either says what is fine or raises the refusal that a run would raise.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from portfolio_pipeline.adapters.cards import load_cards
from portfolio_pipeline.adapters.environment import read_environment
from portfolio_pipeline.adapters.faults import refusal_of
from portfolio_pipeline.adapters.wiring import wire
from portfolio_pipeline.cli.document import told
from portfolio_pipeline.cli.home import open_home
from portfolio_pipeline.cli.status import BAD, GOOD, Fact
from portfolio_pipeline.cli.stored_history import complete_through
from portfolio_pipeline.cli.terminal import facts, show
from portfolio_pipeline.core.calendar.sessions import all_sessions, last_closed_session
from portfolio_pipeline.core.errors import PortfolioError
from portfolio_pipeline.core.execution.halt import either, require_trading, trading_state
from portfolio_pipeline.core.tables import HALT_EVENTS


@dataclass(frozen=True)
class Finding:
    """What one look has found: that something is fine, or why it is not."""

    name: str
    found: str
    refusal: PortfolioError | None = None


def examine() -> list[Finding]:
    """Look at everything, whatever is wrong on the way."""
    looks: tuple[tuple[str, Callable[[], str]], ...] = (
        ("Python", _python),
        ("environment", _environment),
        ("settings", _settings),
        ("strategy cards", _cards),
        ("calendar", _calendar),
        ("Dagster home", _dagster_home),
        ("database", _database),
        ("SQL models", _sql_models),
        ("definitions", _definitions),
        ("history", _history),
        ("trading", _trading),
        ("at work", _at_work),
        ("rebuild", _rebuild),
    )
    return [_finding(name, look) for name, look in looks]


def show_findings(findings: Sequence[Finding]) -> None:
    """What is wrong first, and what to do; then what is fine."""
    rows: list[Fact] = []
    for one in findings:
        if one.refusal is not None:
            rows += [
                ("Wrong", f"{one.name}: {_without_remedy(one.refusal)}", BAD),
                ("To do", one.refusal.remedy, "bold"),
            ]
    if not rows:
        rows.append(("Wrong", "nothing", GOOD))
    rows += [(one.name[0].upper() + one.name[1:], one.found, "") for one in findings if one.refusal is None]
    show(facts(rows))


def findings_document(findings: Sequence[Finding]) -> dict[str, Any]:
    """As the help of the command says it."""
    looks = [
        {"name": one.name, "fine": one.refusal is None, "found": one.found, "error": one.refusal and told(one.refusal)}
        for one in findings
    ]
    return {"well": all(look["fine"] for look in looks), "looks": looks}


def _finding(name: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(name, look())
    except Exception as error:
        refusal = error if isinstance(error, PortfolioError) else refusal_of(error)
        if refusal is None:
            raise
        return Finding(name, str(refusal), refusal)


def _without_remedy(refusal: PortfolioError) -> str:
    return str(refusal).removesuffix(f" {refusal.remedy}") if refusal.remedy else str(refusal)


def _python() -> str:
    return f"{sys.version.split()[0]} at {sys.executable}"


def _environment() -> str:
    environment = read_environment()
    return f"market data {environment.market_data}, trading {environment.trading_mode}"


def _settings() -> str:
    settings = wire().settings
    return f"{len(settings.universe)} symbols, benchmark {settings.benchmark}: {read_environment().portfolio_config}"


def _cards() -> str:
    return ", ".join(card.name for card in load_cards())


def _calendar() -> str:
    now = wire().clock.now()
    newest = all_sessions()[-1]
    if newest < (now + timedelta(days=30)).date():
        raise PortfolioError(
            "CALENDAR_ENDS_SOON", found=newest, remedy="Update it: pip install --upgrade exchange-calendars."
        )
    return f"last closed session {last_closed_session(now)}, known until {newest}"


def _dagster_home() -> str:
    return str(open_home().environment.dagster_home)


def _database() -> str:
    warehouse = open_home().warehouse
    return f"{warehouse.engine}: {warehouse.location}"


def _sql_models() -> str:
    from portfolio_pipeline.sql_models.run import project_library

    library = project_library()
    return f"{len(library.models)} models, {len(library.audits)} audits"


def _definitions() -> str:
    from portfolio_pipeline.definitions import defs

    return f"{len(defs().resolve_all_asset_keys())} assets"


def _history() -> str:
    wired = open_home()
    complete, last = complete_through(wired.warehouse), last_closed_session(wired.clock.now())
    if complete != last:
        raise PortfolioError("SESSIONS_MISSING", complete=complete, last_closed=last, remedy="Run `portfolio up`.")
    return f"complete through {complete}"


def _trading() -> str:
    wired = open_home()
    require_trading(either(wired.halt_switch.state(), trading_state(wired.warehouse.read(HALT_EVENTS.name))))
    return "not halted"


def _at_work() -> str:
    holder = wire().locks.holder("account")
    return f"{holder}" if holder else "nobody"


def _rebuild() -> str:
    unfinished = wire().warehouse.unfinished_rebuild()
    if unfinished is not None and wire().locks.holder("account") is None:
        raise PortfolioError(
            "REBUILD_UNFINISHED",
            found=f"a rebuild that was killed; everything as it was: {unfinished}",
            remedy="Any `portfolio run` or `portfolio up` undoes it before it begins.",
        )
    return "none under way" if unfinished is None else "under way"
