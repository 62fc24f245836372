"""Would the tests notice? `python -m portfolio_pipeline_tests.benchmarks.mutations`."""
