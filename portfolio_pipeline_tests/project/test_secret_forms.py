"""The search for secrets finds them: in every form, packed, and in databases that do not keep strings in one piece."""

from __future__ import annotations

import base64
import gzip
import json
import sqlite3
import urllib.parse
import zlib
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portfolio_pipeline_tests.secret_forms import contents, found_in

SECRET = "s3cr3t/of+the+test=server/0123456789abcd"
WRITTEN: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "reversed": lambda text: text[::-1],
    "hex": lambda text: text.hex().encode(),
    "base64": base64.b64encode,
    "base64 of addresses": base64.urlsafe_b64encode,
    "base64 of zlib": lambda text: base64.b64encode(zlib.compress(text)),
    "URL": lambda text: urllib.parse.quote(text, safe="").encode(),
    "JSON": lambda text: json.dumps(text.decode("latin-1")).replace("/", "\\/").encode(),
    "zlib": zlib.compress,
    "gzip": gzip.compress,
    "packed twice": lambda text: zlib.compress(gzip.compress(text)),
    "UTF-16": lambda text: text.decode("latin-1").encode("utf-16-le"),
}


@pytest.mark.parametrize("written", WRITTEN)
@given(
    before=st.text("abc /:=", max_size=7),
    after=st.text("xyz /:=", max_size=7),
    around=st.binary(max_size=20),
)
def test_a_secret_is_found_however_it_was_written(written: str, before: str, after: str, around: bytes) -> None:
    content = around + WRITTEN[written](f"{before}{SECRET}{after}".encode()) + around
    assert found_in(content, [SECRET])


@given(st.binary(max_size=2_000))
def test_nothing_is_found_where_there_is_none(content: bytes) -> None:
    assert not found_in(content, [SECRET])
    assert not found_in(zlib.compress(content) + base64.b64encode(content), [SECRET])


def test_half_a_secret_is_found_as_well() -> None:
    assert found_in(SECRET[: len(SECRET) // 2].encode(), [SECRET])


def test_rows_of_databases_are_read(tmp_path: Path) -> None:
    rows = [(number, f"{'x' * 5_000}{SECRET}") for number in range(50)]
    with sqlite3.connect(tmp_path / "a.db") as lite:
        lite.execute("create table told (number, text)")
        lite.executemany("insert into told values (?, ?)", rows)
    with duckdb.connect(str(tmp_path / "b.duckdb")) as database:
        database.execute("create table told (number integer, text varchar)")
        database.executemany("insert into told values (?, ?)", rows)
        database.execute(f"copy told to '{tmp_path / 'c.parquet'}' (compression zstd)")
    found = {name for name, content in contents(tmp_path) if found_in(content, [SECRET])}
    assert {"a.db, its rows", "b.duckdb, its rows", "c.parquet, its rows"} <= found
