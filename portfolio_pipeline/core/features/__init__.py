"""What can be computed of prices: the families of features, each declared once, and their compiled loops.

The table `features`, the indicators of strategies and the market's regimes all ask the families; nothing else computes
a feature in Python. (`dbt_like_sql/audits/` states the stored ones a second time, in SQL, as their check.) Not here:
who asks for what (`core.market.indicators`, the strategies' types), and what is stored (`core.market.features`).
"""
