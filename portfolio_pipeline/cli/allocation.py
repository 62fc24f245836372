"""`portfolio allocate` on the terminal: what is said by hand, and reports with their progress and files."""

from __future__ import annotations

import getpass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from portfolio_pipeline.adapters.acts.shares_by_hand import say_by_hand
from portfolio_pipeline.adapters.cards import load_cards, write_card_text
from portfolio_pipeline.cli.document import write_document
from portfolio_pipeline.cli.home import open_home, open_tables
from portfolio_pipeline.cli.terminal import PROGRESS, say, show, words_table
from portfolio_pipeline.core.portfolio.rebalancing.by_hand import Word

if TYPE_CHECKING:
    from portfolio_pipeline.reports.construct import Construction, Wanted
    from portfolio_pipeline.reports.what_if import WhatIf, WhatIfReport


def say_it(
    action: str, strategy: str, reason: str, *, share: float | None, first: date | None, last: date | None
) -> None:
    wired = open_tables()
    stages = {card.name: card.stage for card in load_cards()}
    word = Word(action, strategy, reason, _who(), share, first, last)
    allocation = wired.settings.allocation
    said = say_by_hand(wired.warehouse, allocation, stages, word, wired.clock.now())
    say(said.in_words(allocation.daily_change), "bold green")


def show_what_if(asked: WhatIf, folder: Path | None, *, as_json: bool) -> None:
    from portfolio_pipeline.reports import what_if as reports

    def find() -> WhatIfReport:
        wired = open_home()
        return reports.what_if(wired.warehouse, wired.settings, load_cards(), asked, _tell)

    if as_json:
        write_document("allocate what-if", lambda: reports.document(find()))
        return
    report = find()
    table = reports.figures_table(report).set_index("").T.reset_index(names="")
    show(words_table(table, report.title, narrow=len(report.ways) > 4))
    say(reports.NOTE, "yellow")
    if folder is not None:
        written = reports.write_folder(report, folder)
        say(f"Written: {', '.join(str(path) for path in written)}", "bold green")


def _tell(label: str, done: int, of: int) -> None:
    """Only where it takes a while to say anything at all."""
    if PROGRESS.is_terminal:
        PROGRESS.print(f"{label}: {done:,} of {of:,} sessions", end="\r" if done < of else "\n")
    elif done == of:
        PROGRESS.print(f"{label}: {of:,} sessions")


def _who() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "somebody at the terminal"


def show_construction(wanted: Wanted, name: str | None, *, as_json: bool) -> None:
    from portfolio_pipeline.reports import construct as reports

    def find() -> tuple[Construction, Path | None]:
        wired = open_home()
        found = reports.construct(wired.warehouse, wired.settings, wanted)
        return found, None if name is None else write_card_text(name, reports.adopted_card(name, found, wired.settings))

    def document() -> dict[str, object]:
        found, card = find()
        return reports.document(found) | {"adopted": None if card is None else str(card)}

    if as_json:
        write_document("allocate construct", document)
        return
    found, card = find()
    show(words_table(reports.figures_table(found), found.title))
    for note in reports.notes(found):
        say(note, "yellow")
    if card is not None:
        say(f"Written: {card}. It is computed and judged from the next session on: portfolio doctor.", "bold green")
