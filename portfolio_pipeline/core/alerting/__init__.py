"""Alerts: what one is (`alert`), and who is told what of it (`episodes`): once, on change, and when it is over.

How a message travels belongs to `adapters.alerts`.
"""
