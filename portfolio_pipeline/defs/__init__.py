"""What Dagster shows: one module per noun with its asset and checks, the strategy cards, resources, schedule, sensors.

No arithmetic here: an asset reads, calls the core, writes. Everything in this folder is found by itself.
"""
