"""What follows when a risk limit over time breaks: settings (`settings`), where something stands (`standing`), how it
moves from session to session (`machine`), of whom (`of_strategies`, `of_portfolio`), by hand (`overrides`), as rows
(`rows`), and whether targets keep to it (`obeyed`).

Weights are cut into the limits of one session in `core.risk.cutting`; what the account's own book calls for is in
`core.execution.account_risk`.

Which peak counts. A liquidated book cannot recover, so drawdowns are those of a paper equity that goes on at full risk
whatever the states say, from its highest close: the loss has to be won back on paper, to `recovery`, before anything is
bought again. The peak stays: what breaks the limit after the re-entry is a loss of nearly the whole limit anew, for
paper stands at most `recovery` below the peak by then. Only a release by hand sets the peak to where paper stands. The
account's own drawdown begins anew with every re-entry, since its cash has won nothing back: each episode may lose at
most the limit.
"""
