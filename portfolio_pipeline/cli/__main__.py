"""`python -m portfolio_pipeline.cli`, where the `portfolio` script is not on the path."""

from portfolio_pipeline.cli import program

program()
