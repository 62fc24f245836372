"""What several readers read of the warehouse before they compute or show something: prices, state, trading inputs,
regimes. Only reading, through the warehouse port.
"""
