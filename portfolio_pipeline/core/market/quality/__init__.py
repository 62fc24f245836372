"""The judge of delivered bars: `judge` brings the verdicts together, `bar_rules` asks what a bar shows by itself,
`bar_sequence` what it shows beside the sessions before it. Fetching bars is an adapter's work.
"""
