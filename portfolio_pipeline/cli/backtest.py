"""`portfolio backtest` on the terminal: read what was typed, show the report, write it where that was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from portfolio_pipeline.adapters.cards import load_cards
from portfolio_pipeline.cli.home import open_home
from portfolio_pipeline.cli.terminal import say, show, words_table
from portfolio_pipeline.core.backtest.request import BacktestRequest, assignments
from portfolio_pipeline.reports import pages
from portfolio_pipeline.reports.backtest import backtest_report


def show_backtest(
    strategy: str,
    first: date | None,
    last: date | None,
    given: Sequence[str],
    against: Sequence[str],
    trades: int,
    folder: Path | None,
) -> None:
    """`given` together are one parameter set; each of `against` is another."""
    sets = tuple(assignments(texts) for texts in ([given] if given else []) + [[text] for text in against])
    wired = open_home()
    request = BacktestRequest(first, last, sets)
    report = backtest_report(wired.warehouse, wired.settings, load_cards(), strategy, request)
    asked = report.columns[0]
    show(words_table(pages.figures_table(report), report.title, narrow=len(report.columns) > 4))
    for line in pages.parameter_lines(report):
        say(line)
    show(words_table(pages.monthly_table(asked), f"{asked.label}: return by month, %", narrow=True))
    if trades:
        show(words_table(pages.trades_table(asked, trades), pages.trades_title(asked, trades)))
    for note in report.notes:
        say(note, "yellow")
    if folder is not None:
        written = pages.write_folder(report, folder, max(trades, 100))
        say(f"Written: {', '.join(str(path) for path in written)}", "bold green")
