"""Risk: the limits and whether they hold (`limits`), weights cut until they do (`cutting`), and figures of the targets
(`measures`). Refusing orders is done in `core.execution`.
"""
