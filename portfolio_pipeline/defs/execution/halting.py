"""The jobs halt_trading and resume_trading: the commands `portfolio halt` and `portfolio resume`, in the web UI.

Ops, not assets: they belong to no session. They wait for nobody: halting has to work while something else goes wrong.
"""

import dagster as dg
from pydantic import Field

from portfolio_pipeline.adapters.acts import halting
from portfolio_pipeline.adapters.wiring import wire
from portfolio_pipeline.components.asked_job import asked_job
from portfolio_pipeline.components.session_asset import refusals_as_failures
from portfolio_pipeline.ports import Clock, HaltSwitch, Warehouse


class HaltConfig(dg.Config):
    """Why nothing may be sent."""

    reason: str = Field(default="from the web UI", description="Why; shown wherever orders are refused.")


class ResumeConfig(dg.Config):
    """Why orders may be sent again."""

    reason: str = Field(default="", description="Why trading may go on. It has to be given.")


@dg.op(out=dg.Out(dg.Nothing), description="Throw the switch in the home, then write the halt down in the database.")
def halt(
    context: dg.OpExecutionContext,
    config: HaltConfig,
    halt_switch: dg.ResourceParam[HaltSwitch],
    clock: dg.ResourceParam[Clock],
) -> None:
    with refusals_as_failures():
        halting.halt(halt_switch, config.reason, clock.now())
    context.log.warning(f"Trading is HALTED: {config.reason}")
    # Opened only now, and not as a resource: a database that somebody else holds shall not keep anybody from halting.
    refused = halting.record_halt(lambda: wire().warehouse, config.reason, clock.now())
    if refused is not None:
        context.log.warning(f"The switch in the home is enough; the database could not be told. {refused}")


@dg.op(out=dg.Out(dg.Nothing), description="Lift the switch and the database's halt, and say what was found.")
def resume(
    context: dg.OpExecutionContext,
    config: ResumeConfig,
    halt_switch: dg.ResourceParam[HaltSwitch],
    clock: dg.ResourceParam[Clock],
    warehouse: dg.ResourceParam[Warehouse],
) -> None:
    with refusals_as_failures():
        found = halting.resume(halt_switch, warehouse, config.reason, clock.now())
    for one in found:
        context.log.info(f"Found in {one}")
    context.log.info("Trading goes on." if found else "Trading was not halted: nothing had to be lifted.")


halt_trading = asked_job(
    "halt_trading",
    halt,
    HaltConfig(),
    "Stop submitting orders, at once, until resume_trading (or `portfolio resume`).",
)


resume_trading = asked_job(
    "resume_trading",
    resume,
    ResumeConfig(),
    "Let orders be submitted again. A reason has to be given in the launchpad.",
)
