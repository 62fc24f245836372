"""SQL files are read into a library, or refused with file, line and column of everything that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from portfolio_pipeline.core.tables import Column, Table
from portfolio_pipeline.sql_models.inspection import inspect_library, load_library
from portfolio_pipeline.sql_models.library import Library
from portfolio_pipeline.sql_models.problems import SqlModelError
from portfolio_pipeline.sql_models.run import SQL_FOLDER, project_library

TABLES = (
    Table(
        "bars",
        "one row per session and symbol",
        "Bars.",
        ("session", "symbol"),
        (
            Column("session", "date", ""),
            Column("symbol", "text", ""),
            Column("close", "double", ""),
            Column("shares", "bigint", ""),
        ),
    ),
    Table(
        "growth",
        "one row per session and symbol",
        "Growth.",
        ("session", "symbol"),
        (Column("session", "date", ""), Column("symbol", "text", ""), Column("value", "double", "")),
    ),
)
VIEW = "/*\ndescription: d\nowner: o\ngrain: [session]\ncolumns: {{{columns}}}\n*/\n"
AUDIT = "/*\ndescription: d\nowner: o\nasset: bars\n*/\n"


def view(select: str, *columns: str) -> str:
    return VIEW.format(columns=", ".join(f"{name}: c" for name in columns or ("session",))) + select


def problems(folder: Path, **files: str) -> list[str]:
    """The problems of a folder with these files; `marts__a` is marts/a.sql."""
    for name, text in files.items():
        path = folder / "sql" / f"{name.replace('__', '/')}.sql"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return [str(problem) for problem in inspect_library(folder / "sql", TABLES)[1]]


def test_the_models_of_the_house_are_in_order() -> None:
    assert inspect_library(SQL_FOLDER)[1] == []


def test_models_are_ordered_by_what_they_read(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        marts__a=view("select session from ref('b')"),
        staging__b=view("with c as (select session from ref('bars')) select session from c"),
    )

    library = load_library(tmp_path / "sql", TABLES)
    assert found == []
    assert library.order == ("b", "a")
    assert library.stored_sources("a") == ("bars",)


def test_column_lineage_reaches_the_stored_columns_through_views() -> None:
    library: Library = project_library()
    lineage = library.lineage("adjustment_factors")

    assert set(lineage["symbol"]) == {("prices", "symbol"), ("corporate_actions", "symbol")}
    assert {("prices", "close"), ("prices", "dividend"), ("corporate_actions", "split_ratio")} <= set(lineage["factor"])
    assert library.lineage("orders_and_fills")["filled_quantity"] == (("fills", "quantity"),)


def test_types_follow_from_the_tables() -> None:
    columns = project_library().columns("adjustment_factors")
    assert columns == {
        "session": "date",
        "symbol": "text",
        "growth": "double",
        "factor": "double",
        "next_action": "date",
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select 1 as session", "marts/m.sql:1:1: expected a header"),
        ("/*\nowner: o\n  x: [\n*/\nselect 1", "marts/m.sql:3:4: not YAML"),
        (
            view("select session from ref('bars')").replace("owner: o", "owner: o\nower: o"),
            "marts/m.sql:4:1: header ower: Extra",
        ),
        (view("select session\nfrom ref('bar')"), "marts/m.sql:8:6: unknown ref('bar')"),
        (view("select session\nfrom bars"), "marts/m.sql:8:6: bars is read without ref()"),
        (view("select session,\n  b.clos from ref('bars') as b"), "marts/m.sql:8:3: Unknown column: clos"),
        (view("select session\nfrom ref('bars') where (close > 1"), "marts/m.sql:8:33: Expecting )"),
        (view("select session from ref('bars'); select 1"), "marts/m.sql:7:1: expected one SELECT, found 2"),
        (view("select session, close from ref('bars')"), "marts/m.sql:7:1: columns in the header: session; in the"),
        (view("with bars as (select 1 as session) select session from ref('bars')"), "m.sql:7:6: the name bars hides"),
        (view("select session from ref('m')"), "marts/m.sql:7:21: a model cannot read itself"),
    ],
)
def test_a_wrong_model_is_named_with_file_line_and_column(tmp_path: Path, text: str, expected: str) -> None:
    found = problems(tmp_path, marts__m=text)

    assert len(found) == 1
    assert expected in found[0]


def test_models_that_read_each_other_are_refused(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        marts__a=view("select session from ref('b')"),
        marts__b=view("select session\nfrom ref('c')"),
        marts__c=view("select session from ref('a')"),
    )

    assert len(found) == 1
    assert "models read each other in a circle" in found[0]


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    problems(tmp_path, marts__a=view("select sesion from ref('bars')"), marts__b=view("select sesion from ref('bars')"))

    with pytest.raises(SqlModelError, match=r"(?s)SQL_MODEL_WRONG.*marts/a.sql:7:8.*marts/b.sql:7:8"):
        load_library(tmp_path / "sql", TABLES)


def test_an_audit_is_asked_by_session_and_judges_something_known(tmp_path: Path) -> None:
    model = view("select session from ref('bars')")
    assert (
        "session column"
        in problems(tmp_path, marts__m=model, audits__assert_a=AUDIT + "select close from ref('bars')")[0]
    )

    looking = AUDIT.replace("bars\n", "bars\nlook_back: {growth: 5}\n") + "select session from ref('bars')"
    assert "look_back names growth" in problems(tmp_path, audits__assert_a=looking)[0]

    found = problems(tmp_path, audits__assert_a=AUDIT.replace("bars", "cars") + "select session from ref('bars')")
    assert "cars is neither a model nor a table" in found[0]


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("shares / 2", "whole numbers divide differently"),
        ("count(*) over () / count(*) over ()", "whole numbers divide differently"),
        ("median(close) over (partition by symbol)", "percentile_cont"),
        ("round(close, 2)", "rounds halves differently"),
        ("to_char(session, 'YYYY')", "formats differ"),
        ("date_diff('day', session, session)", "counts differently"),
        ("date_trunc('week', session)", "counts differently"),
        ("[close, close]", "lists and structs differ"),
        ("list(close)", "lists and structs differ"),
        ("strftime(session, '%Y')", "not known to mean the same"),
        ("cast(close as real)", "4 bytes in DuckDB"),
        ("random()", "answers differently each time"),
        ("current_date", "answers differently each time"),
        ("regexp_replace(symbol, 'a', 'b')", "regular expressions differ"),
        ("arg_max(close, session)", "not in both engines"),
        ("json_each(symbol)", "not known to mean the same"),
    ],
)
def test_what_the_engines_answer_differently_is_refused(tmp_path: Path, written: str, reason: str) -> None:
    found = problems(tmp_path, marts__m=view(f"select session,\n  {written} as x\nfrom ref('bars')", "session", "x"))

    assert len(found) == 1
    assert found[0].startswith("sql/marts/m.sql:8:")
    assert reason in found[0]


@pytest.mark.parametrize(
    ("select", "reason"),
    [
        ("select * exclude (symbol, close, shares) from ref('bars')", "EXCLUDE is DuckDB's"),
        ("select session from ref('bars') qualify row_number() over (order by session) = 1", "QUALIFY is DuckDB's"),
        ("select session from ref('bars') order by all", "ALL is DuckDB's"),
        ("select session from ref('bars') using sample 10", "samples differ"),
        ("select session, close as x, x + 1 as y from ref('bars')", "x"),
    ],
)
def test_what_only_duckdb_understands_is_refused(tmp_path: Path, select: str, reason: str) -> None:
    columns = ("session", "x", "y") if " y " in select else ("session",)
    found = problems(tmp_path, marts__m=view(select, *columns))

    assert len(found) == 1
    assert reason in found[0]


@pytest.mark.parametrize(
    "written",
    [
        "cast(shares as double precision) / 2",
        "close / 2",
        "percentile_cont(0.5) within group (order by close)",
        "max(case when symbol ilike 'a%' then 1 else 0 end)",
        "count(*) filter (where close > 1)",
        "max(greatest(close, 1)) - min(coalesce(nullif(abs(close), 0), 2))",
    ],
)
def test_what_both_engines_understand_is_let_through(tmp_path: Path, written: str) -> None:
    group = "group by session, close, shares" if "close /" in written or "shares" in written else "group by session"
    assert (
        problems(tmp_path, marts__m=view(f"select session, {written} as x from ref('bars') {group}", "session", "x"))
        == []
    )
