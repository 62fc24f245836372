"""What is found out of SQL models is kept, for exactly as long as nothing changes that it follows from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from portfolio_pipeline.core.tables import TABLES
from portfolio_pipeline.sql_models import kept
from portfolio_pipeline.sql_models.inspection import load_library
from portfolio_pipeline.sql_models.library import Library
from portfolio_pipeline.sql_models.problems import SqlModelError
from portfolio_pipeline.sql_models.run import SQL_FOLDER

HEADER = "/*\ndescription: d\nowner: o\ngrain: [session]\ncolumns: {session: c}\n*/\n"
SELECT = HEADER + "select distinct session from ref('prices')"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    (tmp_path / "marts").mkdir()
    (tmp_path / "marts" / "days.sql").write_text(SELECT)
    return tmp_path


def said(library: Library) -> object:
    """Everything there is to know of a library, but for the places of its files."""
    return [
        (
            [(item.name, item.header, item.query.sql, item.query.refs, item.query.start) for item in library.items],
            {name: (library.columns(name), library.lineage(name), library.upstream(name)) for name in library.order},
            library.tables,
        )
    ]


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.pickle"))


def test_a_kept_library_says_what_one_says_that_was_just_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path))
    kept.kept_library(SQL_FOLDER)
    (file,) = files(tmp_path)
    written = file.stat().st_mtime_ns
    again = kept.kept_library(SQL_FOLDER)
    assert said(again) == said(load_library(SQL_FOLDER))
    assert again.tables == {table.name: table for table in TABLES}
    assert file.stat().st_mtime_ns == written


def test_what_is_kept_is_read_without_sqlglot(folder: Path) -> None:
    kept.kept_library(folder)
    asked = (
        "import sys; from pathlib import Path; from portfolio_pipeline.sql_models.kept import kept_library;"
        f"library = kept_library(Path({str(folder)!r})); library.lineage('days'); library.columns('days');"
        "print('sqlglot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout == "False\n"


def test_changed_sql_is_found_out_anew_and_the_earlier_is_forgotten(folder: Path) -> None:
    kept.kept_library(folder)
    earlier = files(folder)
    (folder / "marts" / "days.sql").write_text(SELECT.replace("prices", "features"))
    assert kept.kept_library(folder).stored_sources("days") == ("features",)
    assert len(files(folder)) == 1
    assert files(folder) != earlier


def test_wrong_sql_is_refused_each_time_and_never_kept(folder: Path) -> None:
    (folder / "marts" / "days.sql").write_text(SELECT.replace("prices", "nowhere"))
    for _ in range(2):
        with pytest.raises(SqlModelError, match="unknown ref"):
            kept.kept_library(folder)
    assert files(folder) == []


def test_a_kept_file_that_broke_off_is_made_again(folder: Path) -> None:
    kept.kept_library(folder)
    (file,) = files(folder)
    whole = file.read_bytes()
    for broken in (b"", whole[: len(whole) // 2]):
        file.write_bytes(broken)
        assert list(kept.kept_library(folder).models) == ["days"]
        assert file.read_bytes() == whole


def test_python_that_writes_no_bytecode_keeps_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    kept.kept_library(folder)
    assert files(folder) == []
