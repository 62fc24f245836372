"""The real world behind each port: databases, market data, brokers, alerts, the clock, the environment."""
