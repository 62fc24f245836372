"""From targets to orders and what becomes of them: planning (`orders`, `trades`), judging (`verdicts`, `gate`), the
halt, and the fill model of the simulated market. Pure: sending orders is an adapter's work.
"""
