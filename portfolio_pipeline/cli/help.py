"""What every command says of itself: what it changes, and examples; and what was probably meant by a mistyped one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from portfolio_pipeline.core.registry import near


class Command(click.Command):
    """A command that says what it changes and how it is given."""

    def __init__(
        self, *arguments: Any, changes: str, examples: Sequence[str], keys: Sequence[str] = (), **given: Any
    ) -> None:
        super().__init__(*arguments, **given)
        self.changes, self.examples, self.keys = changes, examples, keys

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _section(formatter, "Changes", [self.changes], wrapped=True)
        if self.keys:
            _section(formatter, "Keys of --json", self.keys, wrapped=True)
        _section(formatter, "Examples", self.examples)


class Group(click.Group):
    """Commands, of which a mistyped one is told with the one that was probably meant."""

    command_class = Command
    group_class = type

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        typed = args[0] if args else ""
        if typed and not typed.startswith("-") and self.get_command(ctx, typed) is None:
            known = self.list_commands(ctx)
            meant = near(typed, known) or "; there are " + ", ".join(known)
            ctx.fail(f"No such command '{typed}'{meant}.")
        return super().resolve_command(ctx, args)


def _section(formatter: click.HelpFormatter, heading: str, lines: Sequence[str], *, wrapped: bool = False) -> None:
    with formatter.section(heading):
        for line in lines:
            if wrapped:
                formatter.write_text(line)
            else:
                formatter.write(f"{'':>{formatter.current_indent}}{line}\n")
