"""Kill -9 at random moments: `python -m portfolio_pipeline_tests.benchmarks.kills [duckdb|postgres] [KILLS] [SEED]`.

A home with half a year of trading goes on session by session, by daily runs and by short backfills in turn. Every
command is killed with all its processes at a moment drawn from its usual length, sometimes twice in a row; then the
same command is given once more, as a person would. It has to end with 0 and without a traceback. In the end every table
has to be what one run over the whole range, never killed, leaves in another home. Prints where the kills fell, and
exits with 1 when anything needed a human hand. SIGTERM to this process makes it come to that end with what it has.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from portfolio_pipeline.core.calendar.sessions import all_sessions
from portfolio_pipeline.ports import Warehouse
from portfolio_pipeline_tests.chain import SEALS, assert_same, read_tables
from portfolio_pipeline_tests.cli.house import CLI, ROOT, House
from portfolio_pipeline_tests.postgres import started, url

FIRST = date(2022, 1, 3)
LEARNING_SESSIONS = 150  # before the first kill, so that there is an account with orders
BACKFILL_SESSIONS = 4
OF_THE_HOUSE_ITSELF = ("session_origins", *SEALS)  # fingerprints of its settings file, its secret


def main() -> None:
    engine = sys.argv[1] if len(sys.argv) > 1 else "duckdb"
    kills = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    draw = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    place = Path(tempfile.mkdtemp(prefix="kills"))
    try:
        with _database(engine) as variables:
            needed_a_hand = _kill_often(House(place / "home", **variables), House(place / "untouched"), kills, draw)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    sys.exit(1 if needed_a_hand else 0)


def _kill_often(house: House, untouched: House, kills: int, draw: random.Random) -> int:
    newest = _later(FIRST, LEARNING_SESSIONS)
    _must(house, "backfill", "--from", str(FIRST), "--to", str(newest))
    fell: Counter[str] = Counter()
    usual: dict[str, float] = {}
    killed = needed_a_hand = 0
    enough = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: enough.set())
    while killed < kills and not enough.is_set():
        first = _later(newest, 1)
        kind = "run" if (killed // 2) % 2 == 0 else "backfill"
        last = first if kind == "run" else _later(first, BACKFILL_SESSIONS - 1)
        command = (
            ("run", "--session", str(first)) if kind == "run" else ("backfill", "--from", str(first), "--to", str(last))
        )
        for _ in range(draw.choice((1, 1, 1, 2))):
            after = draw.uniform(0, usual.get(kind, 10.0))
            if _killed(house, command, after):
                killed += 1
                fell[f"{kind}: {_furthest(house.wired.warehouse, first)}"] += 1
        began = time.monotonic()
        code, said = _given(house, command)
        usual[kind] = time.monotonic() - began
        if code or "Traceback" in said:
            needed_a_hand += 1
            print(f"NEEDED A HAND after kill {killed} of {' '.join(command)}: exit code {code}\n{said}", flush=True)
        newest = last
    _must(untouched, "backfill", "--from", str(FIRST), "--to", str(newest))
    found, expected = read_tables(house.wired.warehouse), read_tables(untouched.wired.warehouse)
    for table in OF_THE_HOUSE_ITSELF:
        del found[table], expected[table]
    assert found["sim_orders"]["client_order_id"].is_unique
    # The home that was never killed is on DuckDB; another engine agrees with it to nine digits.
    assert_same(found, expected, exact=house.wired.warehouse.engine == "duckdb")
    for where, times in sorted(fell.items()):
        print(f"{times:4d} killed  {where}")
    print(f"{killed} kills, {needed_a_hand} needed a human hand; {len(found['sim_orders'])} orders, each sent once.")
    print(f"All {len(found)} tables are those of a home that was never killed.")
    return needed_a_hand


def _killed(house: House, command: tuple[str, ...], after: float) -> bool:
    """Start the command and kill it with its processes after that many seconds, if it still lives."""
    process = subprocess.Popen(
        [*CLI, *command],
        cwd=ROOT,
        env=house.environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.wait(timeout=after)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def _later(session: date, sessions: int) -> date:
    known = all_sessions()
    return known[known.index(session) + sessions]


def _furthest(warehouse: Warehouse, session: date) -> str:
    """How far through the chain that session had come."""
    for table in ("metrics", "positions", "fills", "submissions", "orders", "aggregated_targets", "prices"):
        if warehouse.query(f"select 1 from {table} where session = $1 limit 1", [session]).num_rows:
            return f"after {table}"
    return "before prices"


def _given(house: House, command: tuple[str, ...]) -> tuple[int, str]:
    done = subprocess.run(
        [*CLI, *command], cwd=ROOT, env=house.environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def _must(house: House, *command: str) -> None:
    code, said = _given(house, command)
    assert code == 0, said


@contextmanager
def _database(engine: str) -> Iterator[dict[str, str]]:
    if engine == "duckdb":
        yield {}
        return
    with started() as folder:
        yield {"DATABASE_URL": url(folder, "postgres")}


if __name__ == "__main__":
    main()
