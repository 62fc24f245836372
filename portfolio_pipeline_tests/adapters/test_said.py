"""What people have said, as a database holds it: sealed when it is added, and once where it is of before."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pytest

from portfolio_pipeline.adapters.said import note, seal_once, stored_instructions
from portfolio_pipeline.core.errors import LimitError
from portfolio_pipeline.core.execution.by_hand.instructions import Instruction
from portfolio_pipeline.ports import Warehouse

KEY = b"of this home"
AT = datetime.fromisoformat("2026-03-05T22:01:02.345678")
FIRST = Instruction(1, "order", date(2026, 3, 5), "me", "ĸeep; 'x'", AT, "trend", "SPY", 7_250_001, 101.2501)
SECOND = Instruction(2, "withdraw", date(2026, 3, 6), "me", "done", AT, withdraws=1)


def said(warehouse: Warehouse, *rows: Instruction, key: bytes = KEY) -> None:
    for one in rows:
        with warehouse.transaction() as tx:
            note(tx, key, [one])


def test_what_is_said_one_by_one_is_read_as_it_was(warehouse: Warehouse) -> None:
    said(warehouse, FIRST, SECOND)
    assert stored_instructions(warehouse, KEY).said == (FIRST, SECOND)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def test_what_an_earlier_version_had_stored_is_sealed_once_and_no_row_after_that(
    warehouse: Warehouse, home: Path
) -> None:
    said(warehouse, FIRST)
    with warehouse.transaction() as tx:
        tx.execute("update order_instructions set seal = null")
    with pytest.raises(LimitError, match="INSTRUCTION_ALTERED"):
        stored_instructions(warehouse, KEY)
    seal_once(warehouse, home, KEY)
    assert stored_instructions(warehouse, KEY).said == (FIRST,)
    assert [path.name for path in home.iterdir()] == ["instructions.sealed"]
    assert (home / "instructions.sealed").stat().st_mode & 0o777 == 0o600
    with warehouse.transaction() as tx:
        tx.execute("update order_instructions set quantity = 9000")
    seal_once(warehouse, home, KEY)
    with pytest.raises(LimitError, match=r"portfolio order list.* is meant, remove the file instructions\.sealed"):
        stored_instructions(warehouse, KEY)


def test_who_removes_the_file_or_has_another_secret_takes_what_is_there_for_right(
    warehouse: Warehouse, home: Path
) -> None:
    seal_once(warehouse, home, KEY)
    said(warehouse, FIRST)
    with warehouse.transaction() as tx:
        tx.execute("update order_instructions set quantity = 9")
    (home / "instructions.sealed").unlink()
    seal_once(warehouse, home, KEY)
    [now] = stored_instructions(warehouse, KEY).said
    assert now.quantity == 9_000_000
    other = b"the first one was lost"
    with pytest.raises(LimitError, match="INSTRUCTION_ALTERED"):
        stored_instructions(warehouse, other)
    seal_once(warehouse, home, other)
    said(warehouse, SECOND, key=other)
    assert stored_instructions(warehouse, other).said == (now, SECOND)
