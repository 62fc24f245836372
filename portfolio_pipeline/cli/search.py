"""`portfolio search` and `portfolio sensitivity` on the terminal: progress, the report, and its files."""

from __future__ import annotations

from pathlib import Path

from portfolio_pipeline.adapters.cards import load_cards
from portfolio_pipeline.cli.home import open_home
from portfolio_pipeline.cli.interruption import told_that_nothing_is_stored
from portfolio_pipeline.cli.progress import search_progress
from portfolio_pipeline.cli.terminal import say, show, words_table
from portfolio_pipeline.core.backtest.request import Assignments
from portfolio_pipeline.core.requests.asked import SearchRequest
from portfolio_pipeline.reports import search_page, sensitivity_page
from portfolio_pipeline.reports.search_request import SearchReport, search_on_request, stored_search, stored_searches
from portfolio_pipeline.reports.sensitivity import sensitivity_report


def show_search(strategy: str, request: SearchRequest, folder: Path | None) -> None:
    wired = open_home()
    with told_that_nothing_is_stored(), search_progress() as told:
        report = search_on_request(
            wired.warehouse, wired.settings, load_cards(), strategy, request, now=wired.clock.now(), progress=told
        )
    _show(report, folder)


def show_stored_search(request: str, folder: Path | None) -> None:
    _show(stored_search(open_home().warehouse, request), folder)


def list_searches(strategy: str) -> None:
    rows = stored_searches(open_home().warehouse, strategy)
    if rows:
        show(words_table(search_page.list_table(rows), "Searches on request, the newest first"))
    else:
        say("None was asked for yet. Ask: portfolio search STRATEGY")


def show_sensitivity(
    strategy: str, request: SearchRequest, given: Assignments, around: str, folder: Path | None
) -> None:
    wired = open_home()
    with told_that_nothing_is_stored(), search_progress() as told:
        report = sensitivity_report(
            wired.warehouse,
            wired.settings,
            load_cards(),
            strategy,
            request,
            given=given,
            around=around,
            progress=told,
        )
    show(words_table(sensitivity_page.sensitivity_table(report), report.title))
    for note in sensitivity_page.notes(report):
        say(note, "yellow")
    if folder is not None:
        _written(sensitivity_page.write_folder(report, folder))


def _show(report: SearchReport, folder: Path | None) -> None:
    show(words_table(search_page.figures_table(report), report.title, narrow=True))
    say(search_page.parameter_line(report))
    say(search_page.chosen_line(report))
    show(words_table(search_page.trials_table(report), "The best sets", narrow=True))
    for note in search_page.notes(report):
        say(note, "yellow")
    say(search_page.request_line(report))
    if folder is not None:
        _written(search_page.write_folder(report, folder))


def _written(paths: list[Path]) -> None:
    say(f"Written: {', '.join(str(path) for path in paths)}", "bold green")
