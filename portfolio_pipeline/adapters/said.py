"""What people have said about orders, read and written with the secret of the home.

Who looks only, or takes back what is at a broker, may read it without.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from portfolio_pipeline.adapters.home_secret import once_with_this_secret
from portfolio_pipeline.core.execution.by_hand.instructions import Instruction, Instructions, instruction_rows
from portfolio_pipeline.core.execution.by_hand.sealing import SEALED, sealed, seals_after
from portfolio_pipeline.core.tables import ORDER_INSTRUCTIONS
from portfolio_pipeline.ports import Reader, Transaction, Warehouse


def stored_instructions(reader: Reader, key: bytes) -> Instructions:
    """What was said; refused where a row of it was not written here."""
    return sealed(key, reader.read(ORDER_INSTRUCTIONS.name).to_pylist())


def note(tx: Transaction, key: bytes, said: Sequence[Instruction]) -> None:
    """Add what is said, sealed."""
    if said:
        stored = tx.read(ORDER_INSTRUCTIONS.name, columns=["instruction_id", "seal"]).to_pylist()
        last = max(stored, key=lambda row: row["instruction_id"], default={"seal": ""})["seal"] or ""
        tx.insert(ORDER_INSTRUCTIONS.name, instruction_rows(said, seals_after(key, last, said)))


def seal_once(warehouse: Warehouse, home: Path, key: bytes) -> None:
    """Seal what is there, where this home has not done so with this secret."""
    once_with_this_secret(home, SEALED, key, lambda: _seal(warehouse, key))


def _seal(warehouse: Warehouse, key: bytes) -> None:
    with warehouse.transaction() as tx:
        said = Instructions.of_rows(tx.read(ORDER_INSTRUCTIONS.name).to_pylist()).said
        if said:
            tx.delete(ORDER_INSTRUCTIONS.name, None)
            tx.insert(ORDER_INSTRUCTIONS.name, instruction_rows(said, seals_after(key, "", said)))
