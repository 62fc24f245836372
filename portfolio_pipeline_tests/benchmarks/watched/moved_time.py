"""The calendar clock of processes, moved while they run: `portfolio up` lives through weeks in minutes.

A library that is loaded before all others adds to the clock what a shared file says, at once and in every process
started with it. The clocks by which processes wait (timeouts, pauses) go as always. Needs Linux and a C compiler.
"""

from __future__ import annotations

import struct
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

from portfolio_pipeline_tests.fakes.alpaca.market_hours import MarketClock

_SOURCE = Path(__file__).with_name("moved_time.c")
_MICROSECOND = timedelta(microseconds=1)


class MovedTime(MarketClock):
    """The servers' clock, and that of every process with its `environment`. It always runs."""

    def __init__(self, folder: Path, moment: datetime) -> None:
        library, self._file = folder / "moved_time.so", folder / "moved_by"
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, _SOURCE], check=True)
        self._file.write_bytes(bytes(8))
        self.environment = {"LD_PRELOAD": str(library), "MOVED_TIME_FILE": str(self._file)}
        super().__init__(moment)

    def set(self, moment: datetime, *, running: bool = True) -> None:
        super().set(moment, running=True)
        by = (moment - datetime.now(UTC)) // _MICROSECOND * 1000
        with self._file.open("r+b") as file:  # eight bytes are written in one piece
            file.write(struct.pack("q", by))
