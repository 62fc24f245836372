"""What orders have cost, as the mart `execution_costs` says it, whether or not its view has been made yet."""

from __future__ import annotations

from datetime import date

import pandas as pd

from portfolio_pipeline.core.errors import DataError
from portfolio_pipeline.ports import Reader
from portfolio_pipeline.sql_models.run import project_library


def costs_by_strategy(reader: Reader, first: date | None = None) -> pd.DataFrame:
    """The rows of the mart by strategy from a session on, summed up over sessions."""
    models = project_library().models
    orders, shared = (models[name].query.sql for name in ("execution_costs", "execution_costs_by_strategy"))
    rows = reader.query(f"with execution_costs as ({orders}) select * from ({shared}) as shared").to_pandas()
    if first is not None:
        rows = rows[pd.to_datetime(rows["session"]) >= pd.Timestamp(first)]
    return rows.drop(columns="session").groupby("strategy", as_index=False).sum()


def order_costs(reader: Reader, first: date | None = None) -> pd.DataFrame:
    """The rows of the mart from a session on, in the order of sessions; none at all is refused."""
    rows = reader.query(project_library().models["execution_costs"].query.sql).to_pandas()
    if first is not None:
        rows = rows[pd.to_datetime(rows["session"]) >= pd.Timestamp(first)]
    if rows.empty:
        raise DataError(
            "NO_ORDERS_YET",
            found="no order that came to its end" + (f" since {first}" if first else ""),
            remedy="They do so in the session after the one they were decided in: portfolio run.",
        )
    return rows.sort_values(["session", "client_order_id"], ignore_index=True)
