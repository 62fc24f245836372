"""Every value in force, as the environment, portfolio.yaml and the cards give it: reading them, nothing else.

Secrets are never told: of the database its kind, of a token whether there is one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from portfolio_pipeline.adapters.card_files import SHIPPED_FILE, card_files
from portfolio_pipeline.adapters.cards import load_cards
from portfolio_pipeline.adapters.environment import Environment, read_environment
from portfolio_pipeline.adapters.settings import active_settings
from portfolio_pipeline.core.effective.oddities import Oddity, oddities
from portfolio_pipeline.core.effective.values import Effective, Plain, card_values, settings_values
from portfolio_pipeline.core.mistakes import read_written


@dataclass(frozen=True)
class InForce:
    preset: str
    file: str
    values: tuple[Effective, ...]
    oddities: tuple[Oddity, ...]


def in_force(environment: Environment | None = None, variables: Mapping[str, str] | None = None) -> InForce:
    """Settings, then cards, then the environment."""
    environment = environment or read_environment()
    settings, written = active_settings(environment), _written(environment)
    cards, files = load_cards(environment), card_files(environment)
    values = settings_values(settings, written)
    for card in cards:
        document = read_written(files[card.name], "CARD", "Make it readable.").document
        own = document["attributes"] if files[card.name].name == SHIPPED_FILE else document
        values += card_values(card, own, settings, written)
    values += _of_environment(environment, os.environ if variables is None else variables)
    odd = oddities(settings, cards)
    return InForce(settings.preset, str(environment.portfolio_config), tuple(values), tuple(odd))


def _written(environment: Environment) -> dict[str, Any]:
    return read_written(environment.portfolio_config, "SETTINGS", "Make it readable.").document or {}


def _of_environment(environment: Environment, variables: Mapping[str, str]) -> list[Effective]:
    standard = read_environment({"DAGSTER_HOME": str(environment.dagster_home)})
    told: Mapping[str, Callable[[Environment], Plain]] = {
        "DATABASE_URL": lambda one: one.database_url.split(":")[0],
        "MARKET_DATA": lambda one: one.market_data,
        "MARKET_DATA_PATH": lambda one: None if one.market_data_path is None else str(one.market_data_path),
        "TRADING_MODE": lambda one: one.trading_mode,
        "ALERTS": lambda one: ", ".join(one.alerts),
        "OPTIMIZATION_WORKERS": lambda one: one.optimization_workers,
        "PORTFOLIO_CONFIG": lambda one: str(one.portfolio_config),
        "PORTFOLIO_UI_HOSTS": lambda one: ", ".join(one.ui_hosts) or "none",
        "PORTFOLIO_UI_TOKEN": lambda one: "set" if one.ui_token else None,
    }
    return [
        Effective(name, of(environment), "", "environment" if variables.get(name) else "default", of(standard))
        for name, of in told.items()
    ]
