"""From covariances to weights, whatever the weights are of: symbols of a strategy, strategies of the portfolio.

Arrays in, arrays out. What is weighed, and what else must hold, is the affair of who asks.
"""
