"""What is known of the market: prices, features, regimes."""
