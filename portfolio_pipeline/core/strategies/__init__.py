"""What a strategy is, and following one: the protocol (`base`), cards, parameters and their constraints, the way from
a rule to targets (`selection`, `sizing`, `exposure`, `transitions`), and the paper book that trades them (`paper`).
The rules themselves are in `types`. Not here: choosing parameters (`core.search`), sharing out capital
(`core.portfolio`).
"""
