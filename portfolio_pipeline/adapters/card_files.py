"""Where strategy cards are: those that come with the package, and those of the home.

A shipped card is `defs/strategies/<name>/defs.yaml`, in the form that Dagster's components have; the settings say
which of them are there. A card of the home is `<DAGSTER_HOME>/strategies/<name>.yaml`, and holds the attributes alone.
Reading cards is the work of `cards`: it imports all that strategies compute with, which the names do not need.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from portfolio_pipeline.adapters.environment import PACKAGE_ROOT, Environment, read_environment
from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.registry import one_of

SHIPPED_FILE = "defs.yaml"
_FOLDER = "strategies"
_SHIPPED = PACKAGE_ROOT / "defs" / "strategies"


def card_names(environment: Environment | None = None) -> tuple[str, ...]:
    """The names of all strategies, in order."""
    return tuple(card_files(environment))


def names_in_files(home: Path) -> list[str]:
    """The names that files give, whether their cards are sound or not; nothing of the home is read or run."""
    shipped = {path.parent.name for path in _SHIPPED.glob(f"*/{SHIPPED_FILE}")}
    return sorted(shipped | {path.stem for path in (home / _FOLDER).glob("*.yaml")})


def card_files(environment: Environment | None = None) -> Mapping[str, Path]:
    """Every card's file by its name, in the order of the names; a name that stands for two cards is refused."""
    environment = environment or read_environment()
    files = _chosen(environment)
    for path in home_cards(environment).glob("*.yaml"):
        if path.stem in files:
            raise ConfigurationError(
                "STRATEGY_NAME_TAKEN",
                found=path,
                why=f"{path.stem} comes with the package",
                remedy="Choose another name, or leave the shipped one out: `shipped_strategies` in portfolio.yaml.",
            )
        files[path.stem] = path
    return dict(sorted(files.items()))


def home_cards(environment: Environment) -> Path:
    """The folder of the home's own cards, which may not be there."""
    return environment.dagster_home / _FOLDER


def _chosen(environment: Environment) -> dict[str, Path]:
    """The shipped cards that the settings keep."""
    shipped = {path.parent.name: path for path in sorted(_SHIPPED.glob(f"*/{SHIPPED_FILE}"))}
    if _keeps_all(environment.portfolio_config):
        return shipped

    from portfolio_pipeline.adapters.settings import active_settings

    wanted = active_settings(environment).shipped_strategies
    if wanted == "all":
        return shipped
    names = () if wanted == "none" else wanted
    for name in names:
        if name not in shipped:
            raise ConfigurationError(
                "SETTINGS_WRONG",
                found=f"{environment.portfolio_config}: shipped_strategies: {name}",
                expected=one_of(name, shipped),
                remedy="Mend this entry.",
            )
    return {name: shipped[name] for name in names}


def _keeps_all(config: Path) -> bool:
    """Whether that shows in the text already: who only looks at the house need not read and judge all settings."""
    try:
        return not re.search(r"shipped_strategies(?!: all\s)", config.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return False  # to be told by whoever reads the settings
