"""What a person is told when something is refused.

Every refusal that a person can cause or mend is a `PortfolioError`: one readable message with the cause and the remedy.
The command line prints it without a traceback and exits with 1; Dagster shows it as the failure of the step.
Programming mistakes are not wrapped: they keep their tracebacks.
"""

from __future__ import annotations


class Several(tuple[str, ...]):
    """Several things of one name in a refusal's figures."""

    def __str__(self) -> str:
        return "; ".join(self)


class PortfolioError(Exception):
    """A refusal with its figures: `REASON: found=…, expected=…. What to do.`"""

    def __init__(self, reason: str, *, remedy: str = "", **figures: object) -> None:
        self.reason = reason
        self.remedy = remedy
        self.figures = figures
        shown = ", ".join(f"{name}={value}" for name, value in figures.items())
        message = f"{reason}: {shown}" if shown else reason
        # A figure that is a refusal itself ends with its own remedy's stop.
        whole = f"{message.removesuffix('.')}. {remedy}" if remedy else message
        # It is logged and stored: no database takes NUL, nor half of a character.
        super().__init__(whole.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8"))


class ConfigurationError(PortfolioError):
    """An environment variable, a settings file or a strategy card that cannot be used."""


class WarehouseError(PortfolioError):
    """A database that cannot be opened, written, or is of another version."""


class DataError(PortfolioError):
    """Market data that cannot be had, or that most of the universe is missing from."""


class SessionError(PortfolioError):
    """A date that is no session, has not closed, or whose predecessor is missing."""


class LimitError(PortfolioError):
    """Orders refused because a risk limit or a halt forbids sending them."""


class BrokerError(PortfolioError):
    """A broker that refuses, cannot be reached, or is not available in this mode."""
