"""Figures of returns: `metrics` of live books at every session, `windows` of many back-tests on every trailing window.
Where the returns come from does not belong here.
"""
