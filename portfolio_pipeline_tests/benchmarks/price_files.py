"""What a folder of price files costs: `python -m portfolio_pipeline_tests.benchmarks.price_files [SYMBOLS [YEARS]]`.

A folder with a file per symbol is made, as Parquet and as CSV, and asked for one session and for what has changed in
its past, as a daily run asks: never looked into before, unchanged, with one file changed, with a file of the newest
session added, and with every file written anew with one session more. Aim, with 500 symbols over 20 years: 2 s for one
session of files that are known. Each figure is a process of its own, in processor time, with its peak memory.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

import numpy as np
import pandas as pd

from portfolio_pipeline.adapters.market_data.files import FileMarketData
from portfolio_pipeline.core.calendar.sessions import SessionRange, sessions_between

LAST = date(2026, 11, 19)
NEXT = date(2026, 11, 20)


def main() -> None:
    if sys.argv[1:2] == ["--ask"]:
        _ask(Path(sys.argv[2]), Path(sys.argv[3]))
        return
    symbols, years = (int(given) for given in (*sys.argv[1:3], *("500", "20")[len(sys.argv) - 1 :]))
    for suffix in ("parquet", "csv"):
        with TemporaryDirectory() as place:
            folder, parsed = Path(place) / "prices", Path(place) / "parsed"
            folder.mkdir()
            _write(folder, suffix, symbols, years)
            print(f"{symbols} symbols, {years} years, {suffix}")
            first = _asked("never looked into", folder, parsed)
            _asked("unchanged", folder, parsed, first)
            one = sorted(folder.iterdir())[0]
            one.write_bytes(one.read_bytes())
            _asked("one file changed", folder, parsed, first)
            _bars("new", sessions_between(NEXT, NEXT)).to_csv(folder / "newest.csv", index=False)
            _asked("a file of the newest session added", folder, parsed, first)
            (folder / "newest.csv").unlink()
            _write(folder, suffix, symbols, years, through=NEXT)
            _asked("every file longer by a session", folder, parsed, first)


def _ask(folder: Path, parsed: Path) -> None:
    start = process_time()
    source = FileMarketData(folder, parsed)
    rows = source.bars((), SessionRange(LAST, NEXT))
    assert len(rows)
    source.changed_past(rows["symbol"].unique().tolist(), LAST)
    source.past_is_recorded()
    print(process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def _asked(label: str, folder: Path, parsed: Path, first: float | None = None) -> float:
    command = [
        sys.executable,
        "-m",
        "portfolio_pipeline_tests.benchmarks.price_files",
        "--ask",
        str(folder),
        str(parsed),
    ]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    seconds, megabytes = (float(figure) for figure in said.split())
    ratio = "" if first is None else f", {first / seconds:5.1f} times as fast as at first"
    print(f"  {label:36} {seconds:6.2f} s, {megabytes:6,.0f} MiB{ratio}")
    return seconds


def _write(folder: Path, suffix: str, symbols: int, years: int, through: date = LAST) -> None:
    sessions = sessions_between(LAST.replace(year=LAST.year - years), through)
    for number in range(symbols):
        rows = _bars(f"S{number:03}", sessions)
        path = folder / f"S{number:03}.{suffix}"
        rows.to_csv(path, index=False) if suffix == "csv" else rows.to_parquet(path)


def _bars(symbol: str, sessions: tuple[date, ...]) -> pd.DataFrame:
    close = 100 * np.exp(np.cumsum(np.random.default_rng(len(symbol)).normal(0, 0.01, len(sessions))))
    prices = {"open": close, "high": close * 1.01, "low": close * 0.99, "close": close}
    return pd.DataFrame({"session": sessions, "symbol": symbol, **prices, "volume": 1e6})


if __name__ == "__main__":
    main()
