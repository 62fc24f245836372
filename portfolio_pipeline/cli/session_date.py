"""Dates as they are typed."""

from __future__ import annotations

from datetime import date, datetime

import click


class SessionDate(click.ParamType):  # type: ignore[type-arg]  # which click 8.1, allowed here, does not take
    """A date as YYYY-MM-DD; whether it is a session is asked later, by whoever knows the calendar."""

    name = "YYYY-MM-DD"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            return datetime.strptime(str(value), "%Y-%m-%d").date()  # noqa: DTZ007
        except ValueError:
            self.fail(f"{value!r} is no date; write it as 2026-11-20", param, ctx)
