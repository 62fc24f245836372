"""Risk figures of the targets: what a measure is (`measure`), the measures of the house (`of_exposure`, `of_past`,
`of_paper`, `of_stress`), which are taken (`registry`), from what (`history`) and as which rows (`rows`).

Nothing here changes a weight (`cutting` does) and nothing knows the account: this is about targets and data alone.
Losses: value at risk and expected shortfall are positive when money is lost; drawdowns and stress are returns, negative
when money is lost.
"""
