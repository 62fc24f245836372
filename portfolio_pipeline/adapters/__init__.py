"""The real world behind each port: databases, market data, brokers, alerts, the clock, the environment.

Nothing is decided here: what comes in is judged, and what goes out is planned, in `core`.
"""
