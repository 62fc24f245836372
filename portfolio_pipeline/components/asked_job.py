"""Jobs beside the chain: what a person asks for, or does, in the launchpad of the web UI. One op each, no session."""

from __future__ import annotations

import dagster as dg

from portfolio_pipeline.dagster_home.at_work import READS_ONLY


def asked_job(
    name: str, op: dg.OpDefinition, config: dg.Config | None, description: str, *, reads_only: bool = True
) -> dg.JobDefinition:
    """The launchpad starts with `config`; without one it would list the settings of resources as well.

    One that is `reads_only` computes nothing of the account, and so waits for nobody who does.
    """

    @dg.job(
        name=name,
        description=description,
        config={} if config is None else {"ops": {op.name: {"config": config.model_dump()}}},
        tags={READS_ONLY: "true"} if reads_only else None,
    )
    def job() -> None:
        op()

    return job
