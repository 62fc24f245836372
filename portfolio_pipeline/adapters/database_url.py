"""DATABASE_URL, read strictly: an address that two readers could take for two databases is refused, and never shown.

A password with an `@` or `/` that is not percent-encoded moves the end of the password: libpq then connects to another
host, and its messages hold pieces of the password.
"""

from __future__ import annotations

import re
from pathlib import Path

from portfolio_pipeline.core.errors import ConfigurationError

_CODED = r"(?:[^\s:@/?#\[\]%&]|%[0-9A-Fa-f]{2})"
_HOST = rf"(?:\[[0-9A-Fa-f:.]+\]|{_CODED}*)(?::\d*)?"
_POSTGRES = re.compile(
    rf"postgres(?:ql)?://(?:{_CODED}*(?::(?:{_CODED}|&)*)?@)?{_HOST}(?:,{_HOST})*(?:/{_CODED}*)?"
    r"(?:\?\w+=(?:[^\s@?#%&]|%[0-9A-Fa-f]{2})*(?:&\w+=(?:[^\s@?#%&]|%[0-9A-Fa-f]{2})*)*)?"
)


def checked(url: str) -> str:
    """The address, if it can be read in one way only."""
    if url.startswith("duckdb:///"):
        path = Path(url.removeprefix("duckdb:///"))
        if not path.is_absolute():
            raise ConfigurationError(
                "DATABASE_URL_RELATIVE",
                found=url,
                expected="duckdb:/// and an absolute path, which begins with a fourth slash",
                remedy=f"Set it to duckdb:///{path.absolute()} or duckdb:////{path}: from another folder it would be"
                " another database.",
            )
        return url
    if not url.startswith(("postgresql://", "postgres://")):
        raise unknown(url)
    if not _POSTGRES.fullmatch(url):
        raise ConfigurationError(
            "DATABASE_URL_AMBIGUOUS",
            found="an address that can be read in more than one way (not shown, for the password's sake)",
            expected="postgresql://USER:PASSWORD@HOST:PORT/DATABASE",
            remedy="Percent-encode what is special in user and password: @ is %40, / is %2F, % is %25, : is %3A, # is"
            " %23, ? is %3F (Python's urllib.parse.quote does it, with safe='').",
        )
    return url


def unknown(url: str) -> ConfigurationError:
    return ConfigurationError(
        "DATABASE_URL_UNKNOWN",
        found=url.split("://")[0] + "://…" if "://" in url else "no scheme://",
        expected="duckdb:///PATH or postgresql://…",
        remedy="Set DATABASE_URL to one of these, or unset it for the embedded default.",
    )
