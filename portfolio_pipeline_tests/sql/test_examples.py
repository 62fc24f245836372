"""Every model and audit of `dbt_like_sql/` does on both engines what its examples say."""

from __future__ import annotations

import pytest

from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline.sql_models.run import project_library
from portfolio_pipeline_tests.sql.examples import Example, examples


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.name)
def test_rows_in_give_rows_out(example: Example, warehouse: Warehouse) -> None:
    found = example.result(warehouse)

    assert len(found) == len(example.expect)
    for row, expected in zip(found, example.expect, strict=True):
        assert row == {name: _about(value) for name, value in expected.items()}


def _about(value: object) -> object:
    return pytest.approx(value, rel=1e-9, abs=1e-9) if isinstance(value, int | float) else value


def test_every_model_and_audit_has_an_example() -> None:
    library = project_library()

    assert {example.subject for example in examples()} == {*library.models, *library.audits}
