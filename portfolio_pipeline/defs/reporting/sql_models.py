"""The SQL models of `dbt_like_sql/` as assets: the marts, with what their headers promise as checks."""

import dagster as dg

from portfolio_pipeline.components.filling import strategies
from portfolio_pipeline.components.sql_models import model_assets
from portfolio_pipeline.sql_models.run import project_library


@dg.definitions
def sql_models() -> dg.Definitions:
    return dg.Definitions(assets=[model_assets(project_library(), strategies())])
