"""The environment variables the project reads: all of them, here and nowhere else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from portfolio_pipeline.core.errors import ConfigurationError

if TYPE_CHECKING:
    from portfolio_pipeline.ports import TradingMode

PACKAGE_ROOT = Path(__file__).resolve().parents[1]
PROJECT_ROOT = PACKAGE_ROOT.parent

MarketDataKind = Literal["simulated", "files"]


@dataclass(frozen=True)
class Environment:
    """What the environment says, checked. `database_url` may hold a password: it is never shown."""

    dagster_home: Path
    database_url: str
    market_data: MarketDataKind
    market_data_path: Path | None
    trading_mode: TradingMode
    optimization_workers: int
    portfolio_config: Path


def read_environment(variables: Mapping[str, str] | None = None) -> Environment:
    """Read and check the variables; each wrong value is one message that names the variable and what it may be."""
    variables = os.environ if variables is None else variables
    home = _absolute(variables.get("DAGSTER_HOME") or PROJECT_ROOT / ".portfolio")
    url = variables.get("DATABASE_URL") or f"duckdb:///{home / 'portfolio.duckdb'}"
    if not url.startswith(("duckdb:///", "postgresql://", "postgres://")):
        raise ConfigurationError(
            "DATABASE_URL_UNKNOWN",
            found=url.split("://")[0] + "://…",
            expected="duckdb:///PATH or postgresql://…",
            remedy="Set DATABASE_URL to one of these, or unset it for the embedded default.",
        )
    path = variables.get("MARKET_DATA_PATH")
    kind = _choice(variables, "MARKET_DATA", ("simulated", "files"))
    if kind == "files" and not path:
        raise ConfigurationError(
            "MARKET_DATA_PATH_MISSING",
            expected="a folder of Parquet or CSV files",
            remedy="Set MARKET_DATA_PATH, or MARKET_DATA=simulated.",
        )
    return Environment(
        dagster_home=home,
        database_url=url,
        market_data=cast("MarketDataKind", kind),
        market_data_path=_absolute(path) if path else None,
        trading_mode=cast("TradingMode", _choice(variables, "TRADING_MODE", ("SIMULATED", "PAPER", "LIVE"))),
        optimization_workers=_workers(variables),
        portfolio_config=_absolute(variables.get("PORTFOLIO_CONFIG") or PACKAGE_ROOT / "portfolio.yaml"),
    )


def _absolute(path: str | Path) -> Path:
    return Path(path).expanduser().absolute()


def _choice(variables: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    value = variables.get(name) or allowed[0]
    if value not in allowed:
        raise ConfigurationError(f"{name}_UNKNOWN", found=value, expected=" or ".join(allowed), remedy=f"Set {name}.")
    return value


def _workers(variables: Mapping[str, str]) -> int:
    value = variables.get("OPTIMIZATION_WORKERS") or str(os.cpu_count() or 1)
    if not value.isdigit() or int(value) < 1:
        raise ConfigurationError(
            "OPTIMIZATION_WORKERS_WRONG", found=value, expected="a whole number from 1", remedy="Set it or unset it."
        )
    return int(value)
