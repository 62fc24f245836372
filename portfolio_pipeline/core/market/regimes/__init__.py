"""Market regimes: which of six the market is in at a close, with filtered probabilities.

`state` measures trend, volatility and correlation; `rules` and `markov` are two ways of telling how volatile the market
is, and `rules.tree` makes the six regimes of either; `memory` filters what each session says; `tell` asks the way that
the settings name. Scores that look at regimes belong to `core.search`.
"""
