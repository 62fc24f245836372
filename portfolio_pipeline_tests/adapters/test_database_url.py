"""An address of a database is read in one way, or refused without showing what may be its password."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, unquote

import psycopg2.extensions
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy.engine import make_url

from portfolio_pipeline.adapters.database_url import checked
from portfolio_pipeline.adapters.environment import read_environment
from portfolio_pipeline.core.errors import ConfigurationError

PIECES = st.text(alphabet="ab1@/%?#:&[]=+ 20F", max_size=8)


@given(user=PIECES, password=PIECES)
@example(user="me", password="p@ss")
@example(user="me", password="p/ss")
@example(user="me", password="100%25")
@example(user="me", password="p?a=b")
def test_an_address_that_is_accepted_means_what_was_typed_to_libpq_and_to_sqlalchemy(user: str, password: str) -> None:
    address = f"postgresql://{user}:{password}@db.example:5432/fund"
    try:
        checked(address)
    except ConfigurationError:
        return
    of_libpq, of_sqlalchemy = psycopg2.extensions.parse_dsn(address), make_url(address)
    assert (of_libpq["host"], of_libpq["port"], of_libpq["dbname"]) == ("db.example", "5432", "fund")
    assert of_libpq.get("password", "") == unquote(password) == (of_sqlalchemy.password or "")
    assert (of_sqlalchemy.host, of_sqlalchemy.database) == ("db.example", "fund")


@given(password=st.text(min_size=1).filter(lambda text: "\0" not in text and text.isprintable()))
def test_any_password_that_is_percent_encoded_is_accepted(password: str) -> None:
    address = checked(f"postgresql://me:{quote(password, safe='')}@db.example/fund")
    assert psycopg2.extensions.parse_dsn(address)["password"] == password


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://me@/fund?host=%2Ftmp%2Fpg",
        "postgresql://me@/fund?host=/tmp/pg&sslmode=require",
        "postgres://db.example",
        "postgresql://[::1]:5432/fund",
        "postgresql://me:it%40@one.example:1,two.example:2/fund",
        "postgresql:///fund",
    ],
)
def test_every_shape_that_people_use_is_accepted(address: str) -> None:
    assert checked(address) == address


@pytest.mark.parametrize(
    "address", ["postgresql://me:top/secret@db.example/fund", "postgresql://me:top@secret@db.example/fund"]
)
def test_a_refused_address_is_told_with_what_to_write_and_without_its_password(address: str) -> None:
    with pytest.raises(ConfigurationError, match=r"DATABASE_URL_AMBIGUOUS.*@ is %40, / is %2F") as refusal:
        read_environment({"DATABASE_URL": address})
    assert "secret" not in str(refusal.value)
    assert "top" not in str(refusal.value)


def test_a_relative_path_would_be_another_database_in_every_folder_and_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"DATABASE_URL_RELATIVE.*duckdb:////"):
        read_environment({"DATABASE_URL": "duckdb:///data/portfolio.duckdb", "DAGSTER_HOME": str(tmp_path)})
