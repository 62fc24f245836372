"""A home belongs to one database, whose place stands in the home: with another DATABASE_URL nothing is done."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from portfolio_pipeline.core.errors import ConfigurationError

FILE_NAME = "database"


def require_bound(home: Path, location: str) -> None:
    """Refuse a database that is not the home's. `location` holds no secrets; the first one is written down."""
    file = home / FILE_NAME
    # A home may be moved with the database in it.
    wanted = location.replace(f"duckdb:///{home}/", "duckdb:///")
    try:
        bound = file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        with suppress(OSError):  # a home that cannot be written is told of by whoever has to write to it
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
            file.write_text(f"{wanted}\n", encoding="utf-8")
        return
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError("HOME_UNREADABLE", file=file, found=error, remedy="Make it readable.") from None
    if bound != wanted:
        raise ConfigurationError(
            "HOME_OF_ANOTHER_DATABASE",
            home=home,
            found=wanted,
            expected=bound,
            remedy="Set DATABASE_URL as it was, or DAGSTER_HOME to another folder. If the database has moved, write its"
            f" new place into {file}.",
        )
