"""What target weights would have earned: one book in plain words and by the day (`simulation`, `day_loop`), many at
once by the segment between executions (`segments`), with tables that parameter sets share (`selections`). What
strategies want does not belong here.
"""
