"""Risk figures of the targets: what a measure is (`measure` of one session, `range_measure` of a range at once), the
measures of the house (`of_...`), which are taken (`registry`), from what (`history`, `parts`, `ranges`) and as which
rows (`rows`).

Nothing here changes a weight (`cutting` does) and nothing knows the account: this is about targets and data alone.
Losses: value at risk and expected shortfall are positive when money is lost; drawdowns and stress are returns, negative
when money is lost.
"""
