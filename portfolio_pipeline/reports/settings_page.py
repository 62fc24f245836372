"""The settings in force as a page for people: what is odd, and a table for each section with units and origins."""

from __future__ import annotations

from collections.abc import Iterable

from portfolio_pipeline.adapters.settings_in_force import InForce
from portfolio_pipeline.core.effective.values import Effective, Plain
from portfolio_pipeline.reports.tables import aligned

HEADINGS = ("Setting", "Value", "Unit", "From", "Otherwise")


def shown(found: InForce, *, changed: bool) -> tuple[Effective, ...]:
    """All values, or those alone that are not what the preset and the defaults say."""
    return tuple(value for value in found.values if value.changed or not changed)


def in_words(value: Effective) -> tuple[str, ...]:
    """The cells of its row; what it would be otherwise only where it is something else."""
    return (
        value.key,
        _written(value.value),
        value.unit,
        value.origin,
        _written(value.otherwise) if value.changed else "",
    )


def markdown_page(found: InForce, *, changed: bool) -> str:
    parts = [f"Preset **{found.preset}**, read from `{found.file}`."]
    if found.oddities:
        parts.append(
            "\n".join(["### Odd, though allowed", "", *(f"- {one.entry} {one.told}" for one in found.oddities)])
        )
    for section, values in sections(shown(found, changed=changed)):
        rows = [in_words(value) for value in values]
        parts.append(f"### {section}\n\n" + aligned(HEADINGS, rows, right=(False, True, False, False, True)))
    return "\n\n".join(parts)


def sections(values: Iterable[Effective]) -> list[tuple[str, list[Effective]]]:
    """By section, in the order in which they are first met."""
    found: dict[str, list[Effective]] = {}
    for value in values:
        found.setdefault(_section(value), []).append(value)
    return list(found.items())


def _section(value: Effective) -> str:
    if "." in value.key:
        return value.key.split(".")[0]
    return "environment" if value.key.isupper() else "general"


def _written(value: Plain) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:g}"
    return str(value)
