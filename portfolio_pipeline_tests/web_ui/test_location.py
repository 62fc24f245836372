"""What Dagster is told when the definitions cannot be loaded: of people's own files our message, and nothing else."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
from dagster._utils.error import serializable_error_info_from_exc_info
from dagster_shared.error import SerializableErrorInfo

from portfolio_pipeline.web_ui.location import defs

WRONG = {
    "portfolio.yaml": ("gross: tweny\n", "SETTINGS_WRONG: "),
    "strategies/mine.yaml": ("name: mine\ntype: astrology\n", "CARD_WRONG: "),
    "extensions/mine.py": ("def broken(:\n", "EXTENSION_"),
}


def told() -> SerializableErrorInfo:
    """As Dagster's code server puts what went wrong into words."""
    with pytest.raises(Exception) as failed:  # noqa: PT011 whatever it is
        defs()
    return serializable_error_info_from_exc_info((failed.type, failed.value, failed.tb))


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_with_a_file_of_the_home_is_told_without_a_stack(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, reason = WRONG[name]
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(written, encoding="utf-8")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    error = told()
    assert error.message.startswith(reason)
    assert str(file) in error.message
    assert (error.stack, error.cause, error.context, error.cls_name) == ([], None, None, None)


def test_a_programming_mistake_keeps_its_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    def mistaken() -> dg.Definitions:
        raise ZeroDivisionError

    monkeypatch.setattr("portfolio_pipeline.definitions.defs", mistaken)
    error = told()
    assert error.cls_name == "ZeroDivisionError"
    assert any("mistaken" in line for line in error.stack)


def test_without_a_mistake_it_is_the_definitions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    assert defs().resolve_job_def("daily").name == "daily"
