"""Keys, addresses and modes that do not belong together are refused before anybody is asked; keys are never shown."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portfolio_pipeline.adapters.alpaca.access import AlpacaAccess
from portfolio_pipeline.adapters.environment import read_environment
from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.ports import TradingMode

PAPER, LIVE = "https://paper-api.alpaca.markets", "https://api.alpaca.markets"


def access(key: str = "PKPAPER", secret: str = "secret", address: str = "", live_account: str = "") -> AlpacaAccess:
    return AlpacaAccess.of(key=key, secret=secret, address=address, live_account=live_account)


@pytest.mark.parametrize(
    ("mode", "given"),
    [
        ("PAPER", access()),
        ("PAPER", access(address=PAPER)),
        ("PAPER", access(address=f" {PAPER}/v2/ ")),
        ("PAPER", access(address="http://127.0.0.1:8000")),
        ("PAPER", access(address="http://[::1]:8000")),
        ("PAPER", access(address="http://alpaca:8000")),
        ("LIVE", access("AKLIVE", live_account="123")),
        ("LIVE", access("AKLIVE", address=LIVE, live_account="123")),
    ],
)
def test_what_belongs_together_is_taken(mode: TradingMode, given: AlpacaAccess) -> None:
    given.require(mode)


@pytest.mark.parametrize(
    ("mode", "given", "reason"),
    [
        ("PAPER", access(key=""), "ALPACA_KEYS_MISSING"),
        ("PAPER", access(secret=" "), "ALPACA_KEYS_MISSING"),
        ("PAPER", access(key="PKÄ"), "ALPACA_KEYS_WRONG"),
        ("PAPER", access(secret="two\nlines"), "ALPACA_KEYS_WRONG"),
        ("PAPER", access(key="AKLIVE"), "ALPACA_KEY_OF_ANOTHER_MODE"),
        ("LIVE", access(key="PKPAPER", live_account="123"), "ALPACA_KEY_OF_ANOTHER_MODE"),
        ("PAPER", access(address=LIVE), "ALPACA_URL_OF_ANOTHER_MODE"),
        ("PAPER", access(address="https://API.alpaca.markets/v2"), "ALPACA_URL_OF_ANOTHER_MODE"),
        ("LIVE", access("AKLIVE", address=PAPER, live_account="123"), "ALPACA_URL_OF_ANOTHER_MODE"),
        ("LIVE", access("AKLIVE"), "LIVE_ACCOUNT_NOT_NAMED"),
        ("PAPER", access(address="http://broker.example.com"), "ALPACA_BASE_URL_IN_THE_CLEAR"),
        ("PAPER", access(address="paper-api.alpaca.markets"), "ALPACA_BASE_URL_WRONG"),
        ("PAPER", access(address="https://me:mine@paper-api.alpaca.markets"), "ALPACA_BASE_URL_WRONG"),
        ("PAPER", access(address="https://paper-api.alpaca.markets:port"), "ALPACA_BASE_URL_WRONG"),
        ("PAPER", access(address="ftp://127.0.0.1"), "ALPACA_BASE_URL_WRONG"),
    ],
)
def test_what_does_not_belong_together_is_refused(mode: TradingMode, given: AlpacaAccess, reason: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        given.require(mode)
    assert refusal.value.reason == reason
    assert "mine" not in str(refusal.value)
    assert given.secret.strip() == "" or given.secret not in str(refusal.value)


def test_the_environment_does_not_show_them() -> None:
    variables = {"ALPACA_API_KEY": "PKHIDDEN", "ALPACA_SECRET_KEY": "hidden-too", "DAGSTER_HOME": "/nowhere/at/all"}
    environment = read_environment(variables)
    assert (environment.alpaca.key, environment.alpaca.secret) == ("PKHIDDEN", "hidden-too")
    assert "HIDDEN" not in repr(environment).upper()


@given(
    key=st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=8, max_size=24),
    secret=st.text("abcXYZ0189/+=-_", min_size=16, max_size=44),
    around=st.text("<>{}:, ", max_size=8),
)
def test_no_form_of_a_key_stays_in_a_text(key: str, secret: str, around: str) -> None:
    given_ = access(key, secret)
    encoded = [base64.b64encode(one.encode()).decode() for one in (key, secret, f"{key}:{secret}")]
    text = around.join([key, secret, *encoded, secret.encode().hex()])
    shown = given_.without_secrets(text)
    for form in (key, secret, *encoded, secret.encode().hex()):
        assert form not in shown
