"""Keys and addresses of an Alpaca account, and what may not go together: a key, an address and a mode of two kinds.

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
DATA_ADDRESS = "https://data.alpaca.markets"
FEEDS = ("iex", "sip")
_PAPER_KEY, _LIVE_KEY = "PK", "AK"
_OTHER: Mapping[str, str] = {"PAPER": "LIVE", "LIVE": "PAPER"}


@dataclass(frozen=True)
class AlpacaAccess:
    """What the environment says of an account at Alpaca; nothing of it is needed for what is made up."""

    key: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    address: str = ""
    live_account: str = ""
    data_address: str = ""
    data_feed: str = ""

    @classmethod
    def of(cls, **said: str | None) -> AlpacaAccess:
        """As it is written, spaces and line ends around it left out; an address with or without the API's version."""
        clean = {name: (value or "").strip() for name, value in said.items()}
        for name in ("address", "data_address"):
            clean[name] = clean.get(name, "").rstrip("/").removesuffix("/v2")
        return cls(**clean)

    def url(self, mode: TradingMode) -> str:
        return self.address or ADDRESSES[mode]

    @property
    def data_url(self) -> str:
        return self.data_address or DATA_ADDRESS

    @property
    def feed(self) -> str:
        """Whose trades the bars and quotes are made of; free for everybody are those of one exchange."""
        return self.data_feed.lower() or FEEDS[0]

    def require(self, mode: TradingMode) -> None:
        """Refuse an access that is not one for this mode, before anybody is asked anything."""
        self._require_keys(f"TRADING_MODE={mode}", "unset TRADING_MODE to trade at the simulated broker")
        self._require_key_of(mode)
        self._require_address(mode)
        if mode == "LIVE" and not self.live_account:
            raise ConfigurationError(
                "LIVE_ACCOUNT_NOT_NAMED",
                found="no PORTFOLIO_LIVE_ACCOUNT",
                expected="the number of the account that real money may be traded in",
                remedy="It is on Alpaca's page of the account. Set it, or TRADING_MODE=PAPER.",
            )

    def require_data(self) -> None:
        """Refuse an access that no market data can be asked with. The keys of either mode will do."""
        self._require_keys("MARKET_DATA=alpaca", "set MARKET_DATA to another source")
        _web_address(self.data_url, "ALPACA_DATA_URL", DATA_ADDRESS)
        if self.feed not in FEEDS:
            raise ConfigurationError(
                "ALPACA_DATA_FEED_UNKNOWN",
                found=self.data_feed,
                expected=" or ".join(FEEDS),
                remedy="Set ALPACA_DATA_FEED, or unset it for iex.",
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

    def _require_keys(self, what_for: str, or_else: str) -> None:
        missing = [
            name for name, value in (("ALPACA_API_KEY", self.key), ("ALPACA_SECRET_KEY", self.secret)) if not value
        ]
        if missing:
            raise ConfigurationError(
                "ALPACA_KEYS_MISSING",
                found=f"no {' and no '.join(missing)}",
                expected=f"both, for {what_for}",
                remedy=f"Set them to the keys of the account, or {or_else}.",
            )
        if not (self.key.isascii() and self.secret.isascii() and (self.key + self.secret).isprintable()):
            raise ConfigurationError(
                "ALPACA_KEYS_WRONG", found="characters that no key has", remedy="Copy both keys once more."
            )

    def _require_key_of(self, mode: TradingMode) -> None:
        other = self.key.startswith(_LIVE_KEY) if mode == "PAPER" else not self.key.startswith(_LIVE_KEY)
        if other:
            raise ConfigurationError(
                "ALPACA_KEY_OF_ANOTHER_MODE",
                found=f"an ALPACA_API_KEY that begins with {self.key[:2]}, for TRADING_MODE={mode}",
                expected=f"{_PAPER_KEY}… for PAPER, {_LIVE_KEY}… for LIVE",
                remedy="Nothing was sent. Set the keys of the account that is meant, or the other TRADING_MODE.",
            )

    def _require_address(self, mode: TradingMode) -> None:
        scheme, host = _web_address(self.url(mode), "ALPACA_BASE_URL", ADDRESSES[mode])
        kind = "PAPER" if "paper-api" in host else "LIVE" if host == "api.alpaca.markets" else mode
        if kind != mode:
            raise ConfigurationError(
                "ALPACA_URL_OF_ANOTHER_MODE",
                found=f"{scheme}://{host}, for TRADING_MODE={mode}",
                expected=ADDRESSES[mode],
                remedy=f"Nothing was sent. Unset ALPACA_BASE_URL, or set TRADING_MODE={_OTHER[mode]}.",
            )


def _web_address(url: str, variable: str, example: str) -> tuple[str, str]:
    """Scheme and host of an address that keys may be sent to."""
    try:
        parts = urlsplit(url)
        host, _ = (parts.hostname or "").lower(), parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.query or parts.fragment:
        raise ConfigurationError(
            f"{variable}_WRONG",
            expected=f"an address such as {example}, without keys in it",
            remedy="Set it, or unset it for Alpaca's own.",
        )
    if parts.scheme == "http" and not _at_home(host):
        raise ConfigurationError(
            f"{variable}_IN_THE_CLEAR",
            found=f"http://{host}",
            expected=f"https://{host}",
            remedy="Without https everybody on the way could read the keys.",
        )
    return parts.scheme, host


def _at_home(host: str) -> bool:
    """A host on this machine or in its own network."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".local", ".internal"))
    return address.is_loopback or address.is_private
