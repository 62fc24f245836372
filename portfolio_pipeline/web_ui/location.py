"""The definitions, as Dagster's code server loads them for the web UI and the daemon.

What is wrong with settings, cards or extensions is shown by the web UI in the words that were written for people,
without the stack of how it was found. Programming mistakes keep theirs.
"""

import dagster as dg

from portfolio_pipeline.core.errors import PortfolioError
from portfolio_pipeline.dagster_home.private.web import DagsterUserCodeProcessError, SerializableErrorInfo


@dg.definitions
def defs() -> dg.Definitions:
    try:
        from portfolio_pipeline import definitions

        return definitions.defs()
    except PortfolioError as refusal:
        told = SerializableErrorInfo(message=f"{refusal}\n", stack=[], cls_name=None)
        # What another process has told it, Dagster hands on as it is.
        raise DagsterUserCodeProcessError.from_error_info(told) from refusal  # type: ignore[no-untyped-call]
