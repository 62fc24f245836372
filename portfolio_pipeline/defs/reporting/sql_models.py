"""The SQL models of `dbt_like_sql/` as assets and checks: `features`, the marts, and the audits of all tables."""

import dagster as dg

from portfolio_pipeline.adapters.cards import load_cards
from portfolio_pipeline.components.sql_models import audit_checks, model_assets
from portfolio_pipeline.sql_models.run import project_library


@dg.definitions
def sql_models() -> dg.Definitions:
    library = project_library()
    return dg.Definitions(
        assets=model_assets(library, [card.name for card in load_cards()]), asset_checks=audit_checks(library)
    )
