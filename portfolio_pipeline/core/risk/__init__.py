"""Risk: the limits (`limits`, set in `settings`), weights cut until they hold (`cutting`), what did not hold
(`breaches`), and figures of the targets (`measures`). Refusing orders is done in `core.execution`.
"""
