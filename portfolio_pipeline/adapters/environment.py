"""The environment variables the project reads: all of them, here and nowhere else."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from portfolio_pipeline.adapters.alerts import ALERT_CHANNELS
from portfolio_pipeline.adapters.alerts.urls import PREFIX
from portfolio_pipeline.adapters.alpaca.access import AlpacaAccess
from portfolio_pipeline.adapters.broker import BROKERS
from portfolio_pipeline.adapters.database_url import checked
from portfolio_pipeline.adapters.extensions import load_extensions
from portfolio_pipeline.adapters.market_data import VENDORS
from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.core.registry import near

PACKAGE_ROOT = Path(__file__).resolve().parents[1]
PROJECT_ROOT = PACKAGE_ROOT.parent
IN_A_CLONE = (PROJECT_ROOT / "pyproject.toml").is_file()
SHIPPED_SETTINGS = PACKAGE_ROOT / "portfolio.yaml"
SHORTEST_TOKEN = 16
MADE_UP = "simulated"


@dataclass(frozen=True)
class Environment:
    """What the environment says, checked. Secrets, never shown: `database_url`, `alert_urls` and `ui_token`."""

    dagster_home: Path
    database_url: str
    market_data: str
    market_data_path: Path | None
    trading_mode: str
    alpaca: AlpacaAccess
    alerts: tuple[str, ...]
    alert_urls: tuple[tuple[str, str], ...] = field(repr=False)
    optimization_workers: int
    portfolio_config: Path
    ui_hosts: tuple[str, ...]
    ui_token: str | None = field(repr=False)


def read_environment(variables: Mapping[str, str] | None = None) -> Environment:
    """Read and check the variables; each wrong value is one message that names the variable and what it may be.

    What it may be depends on the extensions of the home, so they are loaded here, before anything else is asked.
    """
    variables = os.environ if variables is None else variables
    home = home_folder(variables)
    load_extensions(home)
    url = checked(variables.get("DATABASE_URL") or f"duckdb:///{home / 'portfolio.duckdb'}")
    path = variables.get("MARKET_DATA_PATH")
    return Environment(
        dagster_home=home,
        database_url=url,
        market_data=_vendors(variables.get("MARKET_DATA") or MADE_UP),
        market_data_path=_absolute(path) if path else None,
        trading_mode=_known("TRADING_MODE", variables.get("TRADING_MODE") or "SIMULATED", BROKERS),
        alpaca=AlpacaAccess.of(
            key=variables.get("ALPACA_API_KEY"),
            secret=variables.get("ALPACA_SECRET_KEY"),
            address=variables.get("ALPACA_BASE_URL"),
            live_account=variables.get("PORTFOLIO_LIVE_ACCOUNT"),
            data_address=variables.get("ALPACA_DATA_URL"),
            data_feed=variables.get("ALPACA_DATA_FEED"),
        ),
        alerts=tuple(
            _known("ALERTS", name.strip(), ALERT_CHANNELS) for name in (variables.get("ALERTS") or "log").split(",")
        ),
        alert_urls=_alert_urls(variables),
        optimization_workers=_workers(variables),
        portfolio_config=_settings_file(variables, home),
        ui_hosts=tuple(
            name.strip().lower() for name in (variables.get("PORTFOLIO_UI_HOSTS") or "").split(",") if name.strip()
        ),
        ui_token=_token(variables),
    )


def home_folder(variables: Mapping[str, str]) -> Path:
    """Where everything is kept, whatever else may be wrong with the environment."""
    return _absolute(variables.get("DAGSTER_HOME") or (PROJECT_ROOT if IN_A_CLONE else Path.cwd()) / ".portfolio")


def _alert_urls(variables: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Recipients with their URLs, in the order of their names."""
    found = {}
    for variable in sorted(name for name in variables if name.startswith(PREFIX)):
        recipient, url = variable.removeprefix(PREFIX).lower(), variables[variable].strip()
        if not url:
            continue
        if not recipient or "://" not in url or recipient in ALERT_CHANNELS:
            raise ConfigurationError(
                "ALERT_URL_WRONG",
                variable=variable,
                expected=f"{PREFIX}<NAME> with a URL such as mailto://…, slack://…, json://…; the name of no channel",
                remedy="Mend it, or unset it.",
            )
        found[recipient] = url
    return tuple(found.items())


def _token(variables: Mapping[str, str]) -> str | None:
    token = (variables.get("PORTFOLIO_UI_TOKEN") or "").strip()
    if token and len(token) < SHORTEST_TOKEN:
        raise ConfigurationError(
            "PORTFOLIO_UI_TOKEN_SHORT",
            found=f"{len(token)} characters",
            limit=SHORTEST_TOKEN,
            remedy="Whoever guesses it can trade: make it of 32 random letters and figures.",
        )
    return token or None


def _settings_file(variables: Mapping[str, str], home: Path) -> Path:
    if variables.get("PORTFOLIO_CONFIG"):
        return _absolute(variables["PORTFOLIO_CONFIG"])
    own = home / SHIPPED_SETTINGS.name
    return own if own.exists() else SHIPPED_SETTINGS


def _absolute(path: str | Path) -> Path:
    return Path(path).expanduser().absolute()


def _known(variable: str, value: str, allowed: Collection[str]) -> str:
    if value not in allowed:
        raise ConfigurationError(
            f"{variable}_UNKNOWN",
            found=value,
            expected=" or ".join(allowed) + near(value, allowed),
            remedy=f"Set {variable}.",
        )
    return value


def _vendors(value: str) -> str:
    """One vendor, or several in the order in which they are asked, with commas."""
    names = [_known("MARKET_DATA", name.strip(), VENDORS) for name in value.split(",")]
    if len(set(names)) < len(names) or (len(names) > 1 and MADE_UP in names):
        raise ConfigurationError(
            "MARKET_DATA_MIXED",
            found=value,
            expected="different vendors, none of them made up",
            remedy="Set MARKET_DATA to one of them, or to an order such as alpaca,files.",
        )
    return ",".join(names)


def _workers(variables: Mapping[str, str]) -> int:
    value = variables.get("OPTIMIZATION_WORKERS") or str(os.cpu_count() or 1)
    if not value.isdigit() or int(value) < 1:
        raise ConfigurationError(
            "OPTIMIZATION_WORKERS_WRONG", found=value, expected="a whole number from 1", remedy="Set it or unset it."
        )
    return int(value)
