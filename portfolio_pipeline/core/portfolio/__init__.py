"""The one book that is aimed at: capital shared between the strategies (`allocation`), their targets netted
(`netting`), and what one session asks for (`session_targets`).

Not here: limits and cutting (`core.risk`), orders (`core.execution`).
"""
