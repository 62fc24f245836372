"""The process that serves Dagster's web UI, with the guard before it: `python -m portfolio_pipeline.web_ui.server`.

The token comes as the first line of the input, so that neither the list of processes nor an environment shows it.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from typing import Any

import dagster as dg
import uvicorn
from graphql import ASTValidationRule, GraphQLError, OperationDefinitionNode, OperationType, specified_rules

from portfolio_pipeline.dagster_home.private.web import (
    DagsterWebserver,
    WorkspaceFileTarget,
    WorkspaceProcessContext,
    WorkspaceRequestContext,
    __version__,
    configure_loggers,
)
from portfolio_pipeline.web_ui.guard import Door, Guard

# As Dagster's own command sets them.
_STATEMENT_TIMEOUT_MILLISECONDS = 15_000
_POOL_RECYCLE_SECONDS = 3_600
_POOL_MAX_OVERFLOW = 20
_POLLS_EVERY_MILLISECONDS = 2_000
_LAST_ANSWERS_SECONDS = 3


class _OnlyLooks(ASTValidationRule):
    """Refuses every mutation, also one that Dagster's own read-only mode would forget."""

    def enter_operation_definition(self, node: OperationDefinitionNode, *_: Any) -> None:
        if node.operation == OperationType.MUTATION:
            self.report_error(GraphQLError("The web UI was started with --read-only.", node))


class _ReadOnlyWebserver(DagsterWebserver[WorkspaceProcessContext, WorkspaceRequestContext]):
    def build_graphql_validation_rules(self) -> Collection[type[ASTValidationRule]]:
        return (*specified_rules, _OnlyLooks)


def main() -> None:
    arguments = _arguments()
    token = sys.stdin.readline().strip() or None
    door = Door(arguments.host, arguments.port, tuple(arguments.also), token, arguments.read_only)
    configure_loggers(log_level="INFO")
    with dg.DagsterInstance.get() as instance:
        instance.optimize_for_webserver(_STATEMENT_TIMEOUT_MILLISECONDS, _POOL_RECYCLE_SECONDS, _POOL_MAX_OVERFLOW)
        with WorkspaceProcessContext(
            instance,
            workspace_load_target=WorkspaceFileTarget([arguments.workspace]),
            version=__version__,
            read_only=door.read_only,
        ) as workspace:
            kind = _ReadOnlyWebserver if door.read_only else DagsterWebserver
            app = kind(workspace, live_data_poll_rate=_POLLS_EVERY_MILLISECONDS).create_asgi_app(lifespan=_lifespan)
            uvicorn.run(
                Guard(app, door),
                host=door.host,
                port=door.port,
                log_level="warning",
                access_log=False,
                timeout_graceful_shutdown=_LAST_ANSWERS_SECONDS,
            )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="portfolio_pipeline.web_ui.server")
    parser.add_argument("--workspace", required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--also", action="append", default=[])
    parser.add_argument("--read-only", action="store_true")
    return parser.parse_args()


@asynccontextmanager
async def _lifespan(_: object) -> AsyncIterator[None]:
    with suppress(asyncio.CancelledError):  # as uvicorn ends it
        yield


if __name__ == "__main__":
    main()
