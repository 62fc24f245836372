"""Back-testing on arrays: what target weights would have earned, and what is said about it.

One book in plain words and by the day (`simulation`), many at once by the segment between executions (`segments`), with
tables that parameter sets share (`selections`); figures of a whole run (`figures`) and of every trailing window
(`windows`); a report that compares parameter sets (`request`, `report`). What strategies want, and how parameters are
searched, does not belong here.
"""
