"""One life of an account, drawn from a seed: the house is at work every evening; a night and a session follow."""

from __future__ import annotations

import random
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

from portfolio_pipeline.core.books.reconciliation import Kind
from portfolio_pipeline.core.errors import PortfolioError
from portfolio_pipeline_tests.adapters.alpaca.proofs import minutes_later
from portfolio_pipeline_tests.fakes.alpaca.ledger import Ledger
from portfolio_pipeline_tests.fakes.alpaca.market_hours import evening
from portfolio_pipeline_tests.fakes.alpaca.server import AlpacaServer
from portfolio_pipeline_tests.paper_lives.desk import DAYS, HOUSES, MARKETS, Desk, bars_of, quotes
from portfolio_pipeline_tests.paper_lives.proofs import PART, proved
from portfolio_pipeline_tests.paper_lives.troubles import STRANGER, TROUBLES, WAYS, Play, Scene, When

TRIES = 5


class Life:
    def __init__(self, server: AlpacaServer, seed: int, folder: Path, *, processes: bool = True) -> None:
        self.draw = random.Random(seed)
        house, number = self.draw.choice(sorted(HOUSES)), self.draw.randrange(MARKETS)
        self.bars, self.server, self.processes = bars_of(number), server, processes
        self.happened: Counter[str] = Counter()
        server.clock.set(evening(DAYS[0]))
        server.ledger = ledger = Ledger(server.clock, duplicates_first=self.draw.random() < 0.5)
        ledger.fee = Decimal(self.draw.choice(["0", "0.03"]))
        ledger.not_fractionable = frozenset(self.draw.sample(("AAA", "BBB", "CCC"), self.draw.randrange(2)))
        desk = Desk.begun(server, folder, str(seed), house, number)
        ledger.prices = dict.fromkeys((*desk.settings.symbols, STRANGER), Decimal(100))
        ledger.prices |= {symbol: quote.close or quote.open for symbol, quote in quotes(self.bars, DAYS[0]).items()}
        self.scene = Scene(self.draw, server, desk, DAYS[0])

    def lived(self, sessions: int) -> Life:
        for session, coming in pairwise(DAYS[: sessions + 1]):
            self.scene.session = session
            self._evening()
            self._next_session(coming)
        self.scene.session = DAYS[sessions]
        self._evening(calm=True)
        return self

    # The evening

    def _evening(self, *, calm: bool = False) -> None:
        scene = self.scene
        scene.away = False
        if not calm:
            self._happen("evening")
        if scene.away:
            scene.cleared()
            return
        whole = False
        for trial in range(0 if calm else TRIES):
            if trial == TRIES - 1 or self.draw.random() < 0.3:
                scene.cleared()
            whole = self._tried()
            if whole:
                break
            minutes_later(self.server)
            self._happen("between")
        disturbed = bool(self.server.faults or self.scene.desk.switch.state().halted)
        scene.cleared()
        if not whole or disturbed or self.draw.random() < 0.2:
            self._settled()
        proved(scene.desk.warehouse(), scene.ledger, scene.session, scene.theirs)
        scene.split.clear()

    def _tried(self) -> bool:
        """Whether the house came through and nothing is open; what is, a person may decide."""
        scene = self.scene
        self._set_clock()
        way = self.draw.choices([way for _, way in WAYS], [chance for chance, _ in WAYS])[0]
        try:
            if not self.processes:
                scene.desk.evening(scene.session)
            elif not way(scene):
                return False
        except PortfolioError as refusal:
            self.happened[refusal.reason] += 1
            return False
        return not self._decided(may_wait=True)

    def _settled(self) -> None:
        """Nothing goes wrong any more: the house is at work until nothing is left to decide."""
        for _ in range(4):
            minutes_later(self.server)
            self._set_clock()
            self.scene.desk.evening(self.scene.session)
            if not self._decided():
                return
        raise AssertionError(f"still to be decided: {self.scene.desk.open_differences()}")

    def _decided(self, *, may_wait: bool = False) -> bool:
        """A person decides what is open; says whether anything was."""
        scene = self.scene
        open_ = scene.desk.open_differences()
        if not open_ or (may_wait and self.draw.random() < 0.3):
            return bool(open_)
        while open_:
            one = open_[0]
            subject = one.item if one.kind is Kind.FOREIGN_ORDER else one.subject
            own = [other for other in open_ if subject in (other.item, other.subject)]
            self.happened.update(f"decided {other.kind}" for other in own)
            theirs = scene.theirs.get(subject, Decimal(0)) + scene.coming.get(subject, Decimal(0))
            must = one.kind in (Kind.CASH, Kind.CORPORATE_ACTION) or (theirs < 0 and subject != STRANGER)
            # What others sold in the evening before a split is booked after it, as it was told: the rest is missing.
            must = must or (one.kind is Kind.MISSING_SHARES and scene.play.splits(subject) != 1)
            if one.kind is Kind.FOREIGN_ORDER or (not must and (subject == STRANGER or self.draw.random() < 0.5)):
                scene.desk.decide("ignore", subject)
                scene.left_again(subject)
            else:
                scene.desk.decide("accept", subject)
                scene.theirs.pop(subject, None)
                if coming := scene.coming.pop(subject, None):
                    scene.accepted[subject] = scene.session, coming
            open_ = scene.desk.open_differences()
        return True

    # What comes after it

    def _next_session(self, coming: date) -> None:
        scene, ledger = self.scene, self.server.ledger
        self._set_clock()
        self._happen("night")
        scene.play = Play(quotes(self.bars, coming))
        self._happen("open")
        for symbol, quantity in scene.coming.items():
            scene.brought(symbol, quantity)
        scene.coming.clear()
        for symbol, quote in scene.play.quotes.items():
            if quote.split != 1 and symbol in scene.theirs:
                scene.theirs[symbol] = round(scene.theirs[symbol] * quote.split, 6)
            if quote.split != 1 and symbol in scene.accepted:
                evening, quantity = scene.accepted[symbol]
                scene.accepted[symbol] = evening, round(quantity * quote.split, 6)
        play = scene.play
        ledger.open_session(coming, play.quotes, filled_share=play.filled_share, rejected=frozenset(play.rejected),
                            pieces=play.pieces)  # fmt: skip
        minutes_later(self.server, 30)
        self._set_clock()
        self._happen("day")
        ledger.close_session(coming, play.quotes)
        ledger.hide_activities_for = 0
        scene.theirs = {symbol: held for symbol, held in scene.theirs.items() if abs(held) > PART}

    def _happen(self, when: When) -> None:
        for trouble in TROUBLES:
            if trouble.when == when and self.draw.random() < trouble.chance:
                self.happened[trouble.happens.__name__.strip("_")] += 1
                self._set_clock()
                trouble.happens(self.scene)

    def _set_clock(self) -> None:
        self.scene.desk.moment = self.server.clock.now() + timedelta(seconds=self.scene.ahead)
