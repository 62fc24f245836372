"""Keys and address of an Alpaca account, and what may not go together: a key, an address and a mode of two kinds.

Keys are secrets. They are never shown: not in a representation, not in a message, not in an answer that is repeated
(`without_secrets`).
"""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.ports.broker import TradingMode

ADDRESSES: Mapping[str, str] = {"PAPER": "https://paper-api.alpaca.markets", "LIVE": "https://api.alpaca.markets"}
_PAPER_KEY, _LIVE_KEY = "PK", "AK"
_OTHER: Mapping[str, str] = {"PAPER": "LIVE", "LIVE": "PAPER"}


@dataclass(frozen=True)
class AlpacaAccess:
    """What the environment says of an account at Alpaca; nothing of it is needed while trading is simulated."""

    key: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    address: str = ""
    live_account: str = ""

    @classmethod
    def of(cls, **said: str | None) -> AlpacaAccess:
        """As it is written, spaces and line ends around it left out; an address with or without the API's version."""
        clean = {name: (value or "").strip() for name, value in said.items()}
        clean["address"] = clean.get("address", "").rstrip("/").removesuffix("/v2")
        return cls(**clean)

    def url(self, mode: TradingMode) -> str:
        return self.address or ADDRESSES[mode]

    def require(self, mode: TradingMode) -> None:
        """Refuse an access that is not one for this mode, before anybody is asked anything."""
        self._require_keys(mode)
        self._require_address(mode)
        if mode == "LIVE" and not self.live_account:
            raise ConfigurationError(
                "LIVE_ACCOUNT_NOT_NAMED",
                found="no PORTFOLIO_LIVE_ACCOUNT",
                expected="the number of the account that real money may be traded in",
                remedy="It is on Alpaca's page of the account. Set it, or TRADING_MODE=PAPER.",
            )

    def without_secrets(self, text: str) -> str:
        """The text without the keys, however they were written into it."""
        both = f"{self.key}:{self.secret}"
        for secret in (self.secret, self.key, both):
            if len(secret) < 2:
                continue
            raw = secret.encode()
            forms = {secret, quote(secret), quote(secret, safe=""), raw.hex()}
            forms |= {base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()}
            for form in sorted(forms, key=len, reverse=True):
                text = text.replace(form, "***").replace(form.rstrip("="), "***")
        return text

    def _require_keys(self, mode: TradingMode) -> None:
        missing = [
            name for name, value in (("ALPACA_API_KEY", self.key), ("ALPACA_SECRET_KEY", self.secret)) if not value
        ]
        if missing:
            raise ConfigurationError(
                "ALPACA_KEYS_MISSING",
                found=f"no {' and no '.join(missing)}",
                expected=f"both, for TRADING_MODE={mode}",
                remedy="Set them to the keys of the account, or unset TRADING_MODE to trade at the simulated broker.",
            )
        if not (self.key.isascii() and self.secret.isascii() and (self.key + self.secret).isprintable()):
            raise ConfigurationError(
                "ALPACA_KEYS_WRONG", found="characters that no key has", remedy="Copy both keys once more."
            )
        other = self.key.startswith(_LIVE_KEY) if mode == "PAPER" else not self.key.startswith(_LIVE_KEY)
        if other:
            raise ConfigurationError(
                "ALPACA_KEY_OF_ANOTHER_MODE",
                found=f"an ALPACA_API_KEY that begins with {self.key[:2]}, for TRADING_MODE={mode}",
                expected=f"{_PAPER_KEY}… for PAPER, {_LIVE_KEY}… for LIVE",
                remedy="Nothing was sent. Set the keys of the account that is meant, or the other TRADING_MODE.",
            )

    def _require_address(self, mode: TradingMode) -> None:
        url = self.url(mode)
        try:
            parts = urlsplit(url)
            host, _ = (parts.hostname or "").lower(), parts.port
        except ValueError:
            host, parts = "", urlsplit("")
        if parts.scheme not in ("http", "https") or not host or parts.username or parts.query or parts.fragment:
            raise ConfigurationError(
                "ALPACA_BASE_URL_WRONG",
                expected=f"an address such as {ADDRESSES[mode]}, without keys in it",
                remedy="Set it, or unset it for Alpaca's own.",
            )
        kind = "PAPER" if "paper-api" in host else "LIVE" if host == "api.alpaca.markets" else mode
        if kind != mode:
            raise ConfigurationError(
                "ALPACA_URL_OF_ANOTHER_MODE",
                found=f"{parts.scheme}://{host}, for TRADING_MODE={mode}",
                expected=ADDRESSES[mode],
                remedy=f"Nothing was sent. Unset ALPACA_BASE_URL, or set TRADING_MODE={_OTHER[mode]}.",
            )
        if parts.scheme == "http" and not _at_home(host):
            raise ConfigurationError(
                "ALPACA_BASE_URL_IN_THE_CLEAR",
                found=f"http://{host}",
                expected=f"https://{host}",
                remedy="Without https everybody on the way could read the keys.",
            )


def _at_home(host: str) -> bool:
    """A host on this machine or in its own network."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".local", ".internal"))
    return address.is_loopback or address.is_private
