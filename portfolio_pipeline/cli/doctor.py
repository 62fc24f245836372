"""The examination: what has to be in order before a session can run, each with what was found and what to do.

Each look either says what is fine or raises the refusal that a run would raise.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from portfolio_pipeline.adapters.cards import load_cards
from portfolio_pipeline.adapters.environment import read_environment
from portfolio_pipeline.adapters.faults import as_refusals, require_room
from portfolio_pipeline.adapters.wiring import wire
from portfolio_pipeline.cli.document import told
from portfolio_pipeline.cli.home import open_home, uses_postgres
from portfolio_pipeline.cli.terminal import BAD, GOOD, Fact, facts, show
from portfolio_pipeline.core.calendar.sessions import SessionRange, all_sessions, last_closed_session
from portfolio_pipeline.core.effective.oddities import oddities
from portfolio_pipeline.core.errors import PortfolioError
from portfolio_pipeline.core.execution.halt import either, require_trading, trading_state
from portfolio_pipeline.core.tables import HALT_EVENTS, RISK_STATES
from portfolio_pipeline.ports import CanBeExamined
from portfolio_pipeline.reads.complete import complete_through
from portfolio_pipeline.web_ui.claim import served


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
        ("home", _home),
        ("disk", _disk),
        ("record of runs", _record_of_runs),
        ("database", _database),
        ("SQL models", _sql_models),
        ("definitions", _definitions),
        ("history", _history),
        ("trading", _trading),
        ("risk states", _risk_states),
        ("orders by hand", _orders_by_hand),
        ("market data", _market_data),
        ("broker", _broker),
        ("at work", _at_work),
        ("killed runs", _killed_runs),
        ("rebuild", _rebuild),
        ("web UI", _web_ui),
    )
    return [_finding(name, look) for name, look in looks]


def show_findings(findings: Sequence[Finding]) -> None:
    """What is wrong first, and what to do; then what is fine."""
    rows: list[Fact] = []
    wrong = {one.found: one.refusal for one in findings if one.refusal is not None}
    for found, refusal in wrong.items():  # many looks fail of one cause
        names = ", ".join(one.name for one in findings if one.found == found)
        rows += [("Wrong", f"{names}: {_without_remedy(refusal)}", BAD), ("To do", refusal.remedy, "bold")]
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
        with as_refusals():
            return Finding(name, look())
    except PortfolioError as refusal:
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
    told = f"{settings.preset}, {len(settings.universe)} symbols, benchmark {settings.benchmark}"
    odd = len(oddities(settings, load_cards()))
    more = f"; {odd} odd values, see `portfolio settings`" if odd else ""
    return f"{told}{more}: {read_environment().portfolio_config}"


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


def _home() -> str:
    home = read_environment().dagster_home
    if home.is_dir() and home.stat().st_mode & 0o077:
        raise PortfolioError(
            "HOME_OPEN_TO_OTHERS",
            found=f"{home}, which others on this machine may look into",
            expected="a folder for its owner alone: it holds an account and the secret of its orders",
            remedy=f"chmod -R go-rwx {home}",
        )
    return str(open_home().environment.dagster_home)


def _disk() -> str:
    home = read_environment().dagster_home
    require_room(home)
    return f"{shutil.disk_usage(home).free / 1e9:.1f} GB free"


def _record_of_runs() -> str:
    from portfolio_pipeline.dagster_home.private import misfit
    from portfolio_pipeline.dagster_home.sound_storage import require_sound_storage

    environment = read_environment()
    require_sound_storage(environment.dagster_home, thoroughly=True)
    why_not_ours = misfit()
    if why_not_ours:
        return f"sound, in Dagster's own storages, which are slower and larger; ours do not fit. {why_not_ours}"
    return "in the database" if uses_postgres(environment) else "sound"


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
    if complete is not None and complete > last:
        raise PortfolioError(
            "CLOCK_BEHIND", complete=complete, last_closed=last, remedy="Set the clock of this machine: it is behind."
        )
    if complete != last:
        raise PortfolioError("SESSIONS_MISSING", complete=complete, last_closed=last, remedy="Run `portfolio up`.")
    return f"complete through {complete}"


def _trading() -> str:
    wired = open_home()
    require_trading(either(wired.halt_switch.state(), trading_state(wired.warehouse.read(HALT_EVENTS.name))))
    return "not halted"


def _risk_states() -> str:
    from portfolio_pipeline.adapters.sealed_states import LEVELS, require_as_written

    wired = open_home()
    with wired.warehouse.reading() as reader:
        newest = reader.newest(RISK_STATES.name)
        if newest is None:
            return "none yet"
        require_as_written(reader, wired.plan_key, SessionRange.single(newest), *LEVELS)
    return f"of {newest}, as they were written"


def _orders_by_hand() -> str:
    from portfolio_pipeline.adapters.said import stored_instructions

    wired = open_home()
    said = stored_instructions(wired.warehouse, wired.plan_key).said
    return f"{len(said)} rows, as they were written"


def _market_data() -> str:
    wired = wire()
    source = wired.market_data
    return source.examined(wired.settings.symbols) if isinstance(source, CanBeExamined) else source.source


def _broker() -> str:
    wired = wire()
    mode = wired.environment.trading_mode
    if not wired.is_real:
        return f"{mode}, made up"
    newest = last_closed_session(wired.clock.now())
    tradable = wired.broker.tradable(SessionRange.single(newest))
    until = "may be sent until the market opens" if tradable else "can not be sent any more: the market is open"
    return f"{mode}: the account answers and is the right one; orders of {newest} {until}"


def _at_work() -> str:
    holder = wire().locks.holder("account")
    return f"{holder}" if holder else "nobody"


def _killed_runs() -> str:
    import dagster as dg

    from portfolio_pipeline.dagster_home.at_work import dead_runs

    locks = open_home().locks
    with dg.DagsterInstance.get() as instance:
        killed = [run.run_id for run, _ in dead_runs(instance, locks)]
    if killed:
        raise PortfolioError(
            "RUN_KILLED",
            found=f"{', '.join(killed)}, whose process has ended before the run did",
            remedy="portfolio up: it marks them as failed before it begins, and computes what is missing.",
        )
    return "none"


def _web_ui() -> str:
    running = served(read_environment().dagster_home)
    return running.address if running else "not running: neither is the daily schedule; `portfolio up` starts both"


def _rebuild() -> str:
    unfinished = wire().warehouse.unfinished_rebuild()
    if unfinished is not None and wire().locks.holder("account") is None:
        raise PortfolioError(
            "REBUILD_UNFINISHED",
            found=f"a rebuild that was killed; everything as it was: {unfinished}",
            remedy="portfolio up: it puts everything back before it begins, and computes what is missing.",
        )
    return "none under way" if unfinished is None else "under way"
