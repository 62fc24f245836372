"""The lock file answers for what pyproject asks for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.version import Version

from portfolio_pipeline.dagster_home.private import TRIED

ROOT = Path(__file__).resolve().parents[2]
_LINE = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[\w,-]+\])?==([^\s;]+)(?: ; (.+?))? \\$", re.MULTILINE)
LOCKED = [
    (name, Version(version), Marker(marker) if marker else None)
    for name, version, marker in _LINE.findall((ROOT / ".requirements.lock").read_text(encoding="utf-8"))
]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ASKED = [Requirement(text) for text in (*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["test"])]


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_every_dependency_is_locked_to_one_version_within_its_bounds(python: str) -> None:
    there = {"python_version": python, "python_full_version": f"{python}.1"}
    for asked in ASKED:
        versions = [
            version
            for name, version, marker in LOCKED
            if name.lower() == asked.name.lower() and (marker is None or marker.evaluate(there))
        ]
        assert len(versions) == 1, (asked, versions)
        assert versions[0] in asked.specifier, asked


def test_the_locked_dagster_is_one_that_was_tried() -> None:
    assert [str(version) for name, version, _ in LOCKED if name == "dagster"] == list(TRIED)
