"""Everything Dagster knows of the project: what stands in the folder `defs`, and how a run is carried out."""

import dagster as dg

import portfolio_pipeline.defs
from portfolio_pipeline.adapters.cards import load_cards
from portfolio_pipeline.adapters.environment import PROJECT_ROOT


@dg.definitions
def defs() -> dg.Definitions:
    load_cards()  # A wrong one is told as it is; Dagster would tell of every folder on the way to it.
    # From the module and not from a project's files, which an installed package does not have; and at the folder's own
    # place, without the list of all component types, which only scaffolding needs.
    tree = dg.ComponentTree.from_module(defs_module=portfolio_pipeline.defs, project_root=PROJECT_ROOT)
    return dg.Definitions.merge(tree.build_defs_at_path(tree.defs_module_path), RUNS)


RUNS = dg.Definitions(
    # One process per run: starting one per step costs more than the steps do. Threads do what goes in parallel.
    executor=dg.in_process_executor,
)
