"""The SQL models of `dbt_like_sql/` as assets: the marts, with what their headers promise as checks."""

import dagster as dg

from portfolio_pipeline.components.filling import strategies
from portfolio_pipeline.components.sql_models import model_assets
from portfolio_pipeline.reports.costs import costs_picture
from portfolio_pipeline.sql_models.run import project_library

PICTURES = {"execution_costs_by_session": costs_picture}


@dg.definitions
def sql_models() -> dg.Definitions:
    return dg.Definitions(assets=[model_assets(project_library(), strategies(), PICTURES)])
