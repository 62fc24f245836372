"""How Dagster marks what a run is for, one session or a range of them, and whose definitions it is of."""

ONE_SESSION = "dagster/partition"
FIRST_OF_RANGE, LAST_OF_RANGE = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
LOCATION = "dagster/code_location"
CODE_LOCATION = "portfolio"
"""Ours, as in workspace.yaml, for those who start Dagster by themselves."""
