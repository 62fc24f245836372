"""The rooms that money and safety depend on: their modules, and the tests that should notice when one is changed.

Every module of the folders in `WATCHED` belongs to exactly one room, which a test of the project sees to.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from portfolio_pipeline_tests.benchmarks.mutations.mutants import Mutant, mutants

ROOT = Path(__file__).resolve().parents[3]
PACKAGE, TESTS = "portfolio_pipeline", "portfolio_pipeline_tests"
WATCHED = (
    *("core/execution", "core/books", "core/risk", "core/portfolio", "core/weighing", "core/calendar"),
    *("adapters/acts", "adapters/locks"),
)


@dataclass(frozen=True)
class Room:
    """Modules, as patterns in the package, and the folders or files of their tests."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]

    def files(self) -> list[Path]:
        return [file for pattern in self.modules for file in sorted((ROOT / PACKAGE).glob(pattern))]

    def mutants(self) -> list[Mutant]:
        return [mutant for file in self.files() for mutant in mutants(file, str(file.relative_to(ROOT)))]


def _of(folder: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{folder}/{name}.py" for name in names)


ROOMS = {
    "limits": Room(
        (*_of("core/risk", "breaches", "cutting", "exposures", "presets", "settings"), "core/risk/limits/*.py"),
        ("core/risk",),
    ),
    "gates": Room(
        _of("core/execution", "gate", "verdicts", "order_verdicts", "seals", "origin"),
        ("core/execution", "core/risk/test_order_limits.py", "core/risk/test_outside_limits.py"),
    ),
    "orders": Room(
        (
            *_of("core/execution", "orders", "trades", "tickets", "rows", "settings", "order_types", "windows"),
            *("core/portfolio/session_targets.py", "core/market/recent.py"),
        ),
        ("core/execution", "core/risk/test_order_limits.py", "core/risk/test_settings.py", "core/books"),
    ),
    "by_hand": Room(
        ("core/execution/by_hand/*.py", *_of("adapters/acts", "orders_by_hand", "approving")),
        (
            *_of("core/execution", "test_by_hand", "test_by_hand_effect", "test_by_hand_sizing", "test_saying_by_hand"),
            *("core/execution/test_gate_and_people.py", "core/execution/test_account_risk.py"),
            *_of("adapters", "test_orders_by_hand", "test_approving"),
        ),
    ),
    "follow_ups": Room(
        (
            *_of("core/execution", "attempts", "rejects", "intraday", "account_risk"),
            *_of("adapters/acts", "following", "marking", "shrinking"),
        ),
        (
            *("core/execution/test_attempts.py", "core/execution/test_rejects.py"),
            *("core/execution/test_intraday.py", "core/execution/test_account_risk.py"),
            "adapters/test_looking_at_the_open_market.py",
        ),
    ),
    "fills": Room(
        (*_of("core/execution", "fill_model", "costs"), "core/books/fills.py"),
        ("core/execution", "core/books", "sql/test_execution_costs.py"),
    ),
    "books": Room(_of("core/books", "book", "positions", "strategy_books"), ("core/books",)),
    "trades": Room(_of("core/books", "trades"), ("core/books",)),
    "reconciliation": Room(
        (*_of("core/books", "reconciliation", "reconciliation_rows", "unclaimed"), "adapters/acts/reconciling.py"),
        ("core/books", "adapters/test_reconciling.py"),
    ),
    "cash": Room(
        ("core/books/cash_flows.py", "core/books/exchanges.py", "core/market/cash.py", "core/portfolio/cash_sleeve.py"),
        ("core/books", "core/market/test_cash.py", "core/portfolio/test_cash_sleeve.py"),
    ),
    "halt": Room(
        ("core/execution/halt.py", "adapters/halt_file.py", "adapters/acts/halting.py"),
        ("core/execution/test_halt.py", "adapters/test_halt_file.py", "adapters/test_halting.py"),
    ),
    "risk_states": Room(
        ("core/risk/states/*.py", "core/risk/adaptation.py", *_of("adapters/acts", "risk_decisions", "telling_states")),
        (
            *("core/risk/states", "core/risk/test_adaptation.py", "core/execution/test_account_risk.py"),
            *("adapters/test_risk_decisions.py", "defs/automation/test_risk_state_alerts.py"),
        ),
    ),
    "measures": Room(("core/risk/futures.py", "core/risk/measures/*.py"), ("core/risk",)),
    "sessions": Room(("core/calendar/*.py",), ("core/calendar",)),
    "allocation": Room(
        (
            *("core/portfolio/allocation/*.py", "core/portfolio/allocation/methods/*.py", "core/portfolio/netting.py"),
            "core/weighing/*.py",
        ),
        ("core/portfolio", "core/weighing", "core/risk/test_cutting.py"),
    ),
    "rebalancing": Room(
        (
            "core/portfolio/rebalancing/*.py",
            *_of("core/portfolio", "answered_shares", "asked", "capital", "construct", "volatility_target", "what_if"),
            "adapters/acts/shares_by_hand.py",
        ),
        ("core/portfolio", "adapters/test_shares_by_hand.py"),
    ),
    "locks": Room(
        ("adapters/locks/*.py", "adapters/warehouse/file_lock.py"),
        ("adapters/test_locks.py", "adapters/test_file_lock.py"),
    ),
}
