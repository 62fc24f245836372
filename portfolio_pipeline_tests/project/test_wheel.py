"""The package installed from a wheel, with no clone beside it, does what the clone does."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts of an environment that has the wheel, and everything else from the one the tests run in."""
    folder = tmp_path_factory.mktemp("wheel")
    ran(sys.executable, "-m", "pip", "wheel", str(ROOT), "--no-deps", "-q", "-w", str(folder))
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    scripts = folder / "venv" / "bin"
    python = scripts / "python"
    ran(sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", "-q", str(wheel))
    # Behind its own packages, and without following links to a clone that the environment of the tests may hold.
    (site,) = (folder / "venv").glob("lib/python*/site-packages")
    (site / "beside.pth").write_text(f"import sys; sys.path.append({sysconfig.get_path('purelib')!r})\n")
    return scripts


def ran(*command: str, cwd: Path | None = None) -> str:
    kept = {name: value for name, value in os.environ.items() if name not in ("DAGSTER_HOME", "PYTHONPATH")}
    done = subprocess.run(command, cwd=cwd, env=kept, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_command_works_from_an_empty_folder_and_makes_its_home_there(installed: Path, tmp_path: Path) -> None:
    portfolio = str(installed / "portfolio")
    assert "strategy" in ran(portfolio, "--help", cwd=tmp_path)
    assert "trend_bonds" in ran(portfolio, "strategy", "list", cwd=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".portfolio"]
    card = tmp_path / ".portfolio" / "strategies" / "mine.yaml"
    assert str(card) in ran(portfolio, "strategy", "new", "mine", "--type", "trend", cwd=tmp_path)
    assert "mine" in ran(portfolio, "strategy", "list", cwd=tmp_path)


def test_the_definitions_load_with_the_sql_models_and_the_cards_of_the_home(installed: Path, tmp_path: Path) -> None:
    ran(str(installed / "portfolio"), "strategy", "new", "mine", "--type", "trend", cwd=tmp_path)
    code = (
        "import portfolio_pipeline; print(portfolio_pipeline.__file__)\n"
        "from portfolio_pipeline.definitions import defs\n"
        "print(*sorted(key.to_user_string() for key in defs().resolve_all_asset_keys()))"
    )
    where, keys = ran(str(installed / "python"), "-W", "ignore", "-c", code, cwd=tmp_path).splitlines()
    assert Path(where).is_relative_to(installed.parent)
    assert {"prices", "features", "current_book", "mine/strategy_targets"} <= set(keys.split())
