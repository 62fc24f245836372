"""The web UI as it is served: Dagster's own, behind a guard, with the daemon beside it, once per home.

`guard` decides who may speak to it, `server` is the process that serves it, `keeper` the process that starts and ends
everything and writes the log, `claim` the mark that a home is being served. The command `up`, which asks for all
this, is in `cli`; what Dagster shows is in `defs`.
"""
