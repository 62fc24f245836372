"""What is asked of the search by hand: a search over any range, space and objective (`search`), and how much each
parameter matters around a set (`sensitivity`). `asked` reads what was typed, and refuses it in a way that says what is
allowed.

The search itself is that of `core.search`, what its findings are worth that of `core.honesty`. Reading and keeping rows
does not belong here.
"""
