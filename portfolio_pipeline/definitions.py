"""Everything Dagster knows of the project: what stands in the folder `defs`, and how a run is carried out."""

from pathlib import Path

import dagster as dg


@dg.definitions
def defs() -> dg.Definitions:
    return dg.Definitions.merge(dg.load_from_defs_folder(path_within_project=Path(__file__).parent), RUNS)


RUNS = dg.Definitions(
    # One process per run: starting one per step costs more than the steps do. Threads do what goes in parallel.
    executor=dg.in_process_executor,
)
