"""`portfolio halt` and `portfolio resume`: the one works with no database, no network and within a second.

With `--cancel` the broker is asked to cancel what is open, and that after trading is halted.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from portfolio_pipeline.adapters.acts import halting
from portfolio_pipeline.adapters.clock import SystemClock
from portfolio_pipeline.adapters.halt_file import HaltFile
from portfolio_pipeline.cli.terminal import complain, say
from portfolio_pipeline.core.errors import ConfigurationError, PortfolioError

if TYPE_CHECKING:
    from portfolio_pipeline.ports import Warehouse

_WAITS = 2.0  # seconds for a database that somebody else holds: trading is halted already


def halt(reason: str) -> None:
    from portfolio_pipeline.adapters.environment import home_folder

    home, now = home_folder(os.environ), SystemClock().now()
    if not home.is_dir():
        raise ConfigurationError(
            "HOME_MISSING",
            found=home,
            expected="the folder of a house that trades",
            remedy="Set DAGSTER_HOME to it. Nothing was halted.",
        )
    unusable = None
    try:
        halting.halt(HaltFile(home), reason, now)
        say(f"Trading is HALTED: {reason}. No orders are submitted until `portfolio resume`. ({home})", "bold red")
    except PortfolioError as refusal:
        unusable = refusal
    refused = _recorded(reason)
    if unusable is not None and refused is not None:
        complain(f"Trading is NOT halted. {unusable}")
        raise refused
    if unusable is not None:
        say(f"Trading is HALTED, in the database alone: {reason}. No orders are submitted until `portfolio resume`.")
        complain(str(unusable))
    elif refused is not None:
        complain(f"Only the switch in the home says so, which is enough; the database could not be told. {refused}")


def cancel_everything(reason: str) -> None:
    """What is open, once trading is halted. Whatever goes wrong here, it stays halted."""
    from portfolio_pipeline.cli.ordering import cancel_open

    try:
        cancel_open([], f"halted: {reason}")
    except PortfolioError as refusal:
        complain("Trading is halted, but it is not known whether anything was canceled:")
        raise refusal


def _recorded(reason: str) -> PortfolioError | None:
    return halting.record_halt(_warehouse, reason, SystemClock().now())


def _warehouse() -> Warehouse:
    from portfolio_pipeline.adapters.environment import read_environment
    from portfolio_pipeline.adapters.home_binding import require_bound
    from portfolio_pipeline.adapters.warehouse import open_warehouse

    environment = read_environment()
    warehouse = open_warehouse(environment.database_url, wait_seconds=_WAITS)
    require_bound(environment.dagster_home, warehouse.location)
    return warehouse


def resume(reason: str) -> None:
    from portfolio_pipeline.cli.home import open_tables

    wired = open_tables()
    found = halting.resume(wired.halt_switch, wired.warehouse, reason, wired.clock.now())
    for one in found:
        say(f"Found in {one}")
    say("Trading goes on." if found else "Trading was not halted: nothing had to be lifted.", "bold green")
