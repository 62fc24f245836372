"""`portfolio settings`: every value in force, with its unit and where it comes from."""

from __future__ import annotations

from typing import Any

from portfolio_pipeline.adapters.settings_in_force import InForce
from portfolio_pipeline.cli.terminal import DOUBTFUL, Column, say, show, table
from portfolio_pipeline.reports.settings_page import HEADINGS, in_words, sections, shown


def show_settings(found: InForce, *, changed: bool) -> None:
    say(f"Preset {found.preset}, settings of {found.file}")
    values = shown(found, changed=changed)
    if not values:
        say("\nNothing differs from the preset.")
    # One table, so that the columns of all sections stand under each other.
    rows: list[tuple[tuple[str, ...], str]] = []
    for _, group in sections(values):
        rows += [(("",) * len(HEADINGS), "")] * bool(rows)
        rows += [(in_words(value), "bold" if value.changed else "") for value in group]
    columns = [Column(name, number=name in ("Value", "Otherwise"), text=name == "Value") for name in HEADINGS]
    if values:
        say("")
        show(table(columns, rows))
    for one in found.oddities:
        say(f"\nOdd: {one.entry} {one.told}", DOUBTFUL)


def settings_document(found: InForce, *, changed: bool) -> dict[str, Any]:
    """As the help of the command says it."""
    return {
        "preset": found.preset,
        "file": found.file,
        "values": [
            {
                "key": one.key,
                "value": one.value,
                "unit": one.unit,
                "origin": one.origin,
                "otherwise": one.otherwise,
                "changed": one.changed,
            }
            for one in shown(found, changed=changed)
        ],
        "odd": [{"entry": one.entry, "told": one.told} for one in found.oddities],
    }
