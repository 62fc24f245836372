"""What several readers read of the warehouse before they compute or show something: prices, features, regimes, state,
trading inputs. Only reading, through the warehouse port; nothing is computed or written.
"""
