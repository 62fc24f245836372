"""Back-tests on request: what is asked for (`request`), and a report that compares parameter sets (`report`). How a
book is played is in `core.simulation`, how parameters are searched in `core.search`.
"""
