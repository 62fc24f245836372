"""What the pipeline's decisions are worth: searches, verdicts and the account, out of sample and after costs, on many
made-up markets and on real prices. `python -m portfolio_pipeline_tests.benchmarks.decisions`.
"""
