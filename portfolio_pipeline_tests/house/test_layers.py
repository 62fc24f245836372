"""The rules that tools can check: who imports whom, format, lint, types. Part of the tests, so that they hold."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = {
    "imports go downwards only": ["importlinter.cli", "lint"],
    "lint": ["ruff", "check", "."],
    "format": ["ruff", "format", "--check", "."],
    "types": ["mypy"],
}


@pytest.mark.parametrize("rule", MODULES)
def test_the_project_keeps_the_rule(rule: str, tmp_path: Path) -> None:
    module, *arguments = MODULES[rule]
    if module == "importlinter.cli":
        command = [
            sys.executable,
            "-c",
            "import sys; from importlinter.cli import lint_imports_command; "
            "sys.argv = ['lint-imports', '--no-cache']; lint_imports_command()",
        ]
    else:
        command = [sys.executable, "-m", module, *arguments]
    if module == "mypy":
        command += ["--cache-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
