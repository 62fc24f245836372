"""Everything Dagster knows of the project: what stands in the folder `defs`, and how a run is carried out."""

import dagster as dg

import portfolio_pipeline.defs
from portfolio_pipeline.adapters.cards import load_cards
from portfolio_pipeline.adapters.environment import PROJECT_ROOT


@dg.definitions
def defs() -> dg.Definitions:
    load_cards()  # A wrong one is told as it is; Dagster would tell of every folder on the way to it.
    # By the package itself: an installed one has no pyproject.toml to find the folder by.
    folder = dg.ComponentTree.from_module(defs_module=portfolio_pipeline.defs, project_root=PROJECT_ROOT)
    return dg.Definitions.merge(folder.build_defs(), RUNS)


RUNS = dg.Definitions(
    # One process per run: starting one per step costs more than the steps do. Threads do what goes in parallel.
    executor=dg.in_process_executor,
)
