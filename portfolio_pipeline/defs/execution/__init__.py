"""From targets to holdings: orders, submissions, fills, positions."""
