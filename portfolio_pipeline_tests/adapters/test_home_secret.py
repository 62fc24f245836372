"""The secret of a home: made once, for its owner only."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from portfolio_pipeline.adapters.home_secret import home_secret
from portfolio_pipeline.core.errors import ConfigurationError


def test_it_is_made_on_first_use_and_stays(tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = home_secret(home)
    assert len(first) == 32
    assert home_secret(home) == first
    assert (home / "secret").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in home.iterdir()] == ["secret"]
    assert home_secret(tmp_path / "other") != first


def test_many_who_begin_at_once_get_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(home_secret, [tmp_path] * 32))
    assert len(found) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_one_that_others_can_read_or_that_is_damaged_is_refused(tmp_path: Path) -> None:
    home_secret(tmp_path)
    path = tmp_path / "secret"
    path.chmod(0o644)
    with pytest.raises(ConfigurationError, match=r"SECRET_NOT_SECRET: found=.*secret with mode 644"):
        home_secret(tmp_path)
    path.chmod(0o600)
    path.write_bytes(b"short")
    with pytest.raises(ConfigurationError, match=r"SECRET_DAMAGED: found=.*with 5 bytes, expected=32 bytes"):
        home_secret(tmp_path)
    path.unlink()
    path.mkdir()
    path.chmod(0o700)
    with pytest.raises(ConfigurationError, match="SECRET_UNREADABLE"):
        home_secret(tmp_path)
