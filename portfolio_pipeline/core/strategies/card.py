"""What is written on a strategy's card: its type, its symbols, its parameters and how it is searched, sized and judged.

A card is data; what a type does with it is in the module of the type. Cards are checked when they are read.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from portfolio_pipeline.core.sections import (
    MOST_SESSIONS,
    AssetClass,
    Bounds,
    Form,
    Fraction,
    Multiple,
    Number,
    Section,
    Size,
    Whole,
    impossible,
)
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.tables.declare import ACCOUNT_BOOK, RESERVE


def _no_other_book(name: str) -> str:
    """A strategy's book carries its name, and stands in the tables beside the two that belong to no strategy."""
    if name in (ACCOUNT_BOOK, RESERVE):
        raise ValueError(f"any name but {ACCOUNT_BOOK} and {RESERVE}, which are books of the house")
    return name


_NAME = Form(r"[a-z][a-z0-9_]{1,40}", "2 to 41 of a-z, 0-9 and _, a letter first")
Name = Annotated[str, AfterValidator(_NAME), AfterValidator(_no_other_book)]
Goal = Literal["sharpe", "return", "sortino", "calmar", "drawdown"]
Weight = Annotated[Number, Field(gt=0, le=1e6)]
Stop = Annotated[Number, AfterValidator(Bounds(0, 0.99, above=True, fraction=True))]
Margin = Annotated[Number, AfterValidator(Bounds(0, 10, fraction=True))]
Efficiency = Annotated[Number, AfterValidator(Bounds(-10, 10, fraction=True))]
FEWEST_HELD_OUT = 5


def _form(objective: object) -> str:
    """In which of its forms an objective was meant, so that a mistake is told as one of that form."""
    return "weights" if isinstance(objective, dict) else "several" if isinstance(objective, list | tuple) else "one"


Objective = Annotated[
    Annotated[Goal, Tag("one")]
    | Annotated[dict[Goal, Weight], Field(min_length=1), Tag("weights")]
    | Annotated[tuple[Goal, ...], Field(min_length=2), Tag("several")],
    Discriminator(_form),
]


def _none_or_some(sessions: int) -> int:
    """A handful of returns has no deviation to speak of, and would confirm anything."""
    if 0 < sessions < FEWEST_HELD_OUT:
        raise ValueError(f"0, or {FEWEST_HELD_OUT} sessions or more")
    return sessions


class Symbols(Section):
    """Which part of the universe a strategy trades: whole asset classes, or symbols by name."""

    asset_classes: tuple[AssetClass, ...] = ()
    only: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_of_both(self) -> Symbols:
        if bool(self.asset_classes) == bool(self.only):
            raise ValueError("either asset_classes or only, with something in it")
        return self


class Search(Section):
    """How parameters are found, and when the ones in use are left for others.

    `objective` is one goal, several with weights (their weighted sum), or a list (several at once: the mean of a set's
    ranks). Drawdown counts negatively. Sets that earned or lost anything on a smaller part of the last
    `window_sessions` than `fewest_active` count as the worst of all: a few lucky trades are no evidence.

    With the rule `surface_mixture`, scores look at all the past, of which what is `half_life_sessions` older counts
    half; half of what a set is worth is told by a surface fitted over the scores of all sets; the best `mixture` sets
    are used together, in equal parts; and the default keeps a part as long as they have not been better than it by
    `trust` standard errors. A mixture is left when more than `renewed_share` of it would be others.

    With the rule `best_neighbourhood`, a score looks at `window_sessions` that end `holdout_sessions` before the
    present; sets are compared by the mean score of their neighbourhood, and the one in use is left only for one that is
    better by `switch_margin` of its score and by what changing costs, spread over `cost_sessions`, and that is as good
    on the sessions held out.
    """

    rule: Literal["surface_mixture", "best_neighbourhood"] = "surface_mixture"
    half_life_sessions: Annotated[Whole, Field(ge=20, le=MOST_SESSIONS)] = 504
    mixture: Annotated[Whole, Field(ge=1, le=50)] = 8
    trust: Annotated[Number, Field(ge=0, le=10)] = 1.5
    renewed_share: Fraction = 0.25
    objective: Objective = "sharpe"
    method: Literal["auto", "exhaustive", "sobol", "nsga2", "tpe"] = "auto"
    window_sessions: Annotated[Whole, Field(ge=20, le=MOST_SESSIONS)] = 504
    holdout_sessions: Annotated[Whole, Field(ge=0, le=MOST_SESSIONS), AfterValidator(_none_or_some)] = 0
    trials: Annotated[Whole, Field(ge=1, le=20_000)] = 40
    cadence: Literal["daily", "weekly", "monthly"] = "daily"
    renewal: Literal["monthly", "quarterly", "yearly"] = "quarterly"  # how often nsga2 and tpe draw new sets
    patience: Annotated[Whole, Field(ge=1, le=1_000)] = 3  # rounds of nsga2 and tpe without anything better
    neighbours: Annotated[Whole, Field(ge=0, le=1_000)] = 6  # that smooth a set's score; 0 takes the luckiest point
    fewest_active: Fraction = 0.1
    switch_margin: Margin = 0.1
    cost_sessions: Annotated[Whole, Field(ge=1, le=10**9)] = 63
    regime_share: Fraction = 0.0  # part of the score from past sessions weighted by how alike their regime was

    @model_validator(mode="after")
    def _keys_of_its_rule(self) -> Search:
        if self.rule == "surface_mixture" and self.holdout_sessions:
            raise impossible("sessions are held out with rule: best_neighbourhood alone", "holdout_sessions")
        return self


class Sizing(Section):
    """How raw weights become targets: tilted, scaled to a volatility, capped per position, stopped.

    `adjust: daily` scales to the volatility at every close instead of at decisions alone. A holding that closes `stop`
    below its highest close since the last scheduled decision is left until the next one. `crowding_penalty` takes
    weight from what moves together with the rest of what is held.
    """

    by: Literal["type", "volatility", "performance"] = "type"
    crowding_penalty: Fraction = 0.0
    volatility_target: Size | None = None
    volatility_window: Annotated[Whole, Field(ge=10, le=MOST_SESSIONS)] = 60
    adjust: Literal["at_decisions", "daily"] = "at_decisions"
    stop: Stop | None = None
    maximum_weight: Fraction = 0.35
    maximum_gross: Multiple = 1.0


class Honesty(Section):
    """What results have to show to be believed, over how much of the past, and what follows when they are doubted.

    Overfitting asks whether choosing did harm. Where all trials are equally good it is 0.5 by chance, and does none:
    it is held against nobody whose chosen trials lost in `harmless_loss` of the splits or fewer.

    The limits hold together: each lets more noise through than all of them do. Measured on random walks, with windows
    of 504 sessions, of 100 searches by each of three types of strategy 0 to 5 were believed. Two years show only what
    is strong, however: where a strategy truly earns a Sharpe ratio of 1.5 a year it is believed on 58 % of the
    sessions, at 0.8 on 22 %; with a search window of 1008 sessions, on 79 % and 35 %. So doubt is no proof of
    worthlessness, and is only reported unless the card asks for more.
    """

    when_doubted: Literal["report", "no_new_capital"] = "report"
    minimum_deflated_sharpe: Fraction = 0.90
    maximum_overfitting: Fraction = 0.50
    harmless_loss: Fraction = 0.10
    minimum_efficiency: Efficiency = 0.30  # out-of-sample over in-sample Sharpe ratio
    maximum_path_loss: Fraction = 0.25
    blocks: Annotated[Whole, Field(ge=2, le=16, multiple_of=2)] = 10
    walk_forward_sessions: Annotated[Whole, Field(ge=60, le=MOST_SESSIONS)] = 504
    fewest_sessions: Annotated[Whole, Field(ge=20, le=MOST_SESSIONS)] = 126

    @model_validator(mode="after")
    def _can_ever_be_believed(self) -> Honesty:
        if self.fewest_sessions > self.walk_forward_sessions:
            raise impossible(
                f"fewest_sessions, {self.fewest_sessions}, is more than walk_forward_sessions",
                "walk_forward_sessions" if "walk_forward_sessions" in self.model_fields_set else "fewest_sessions",
            )
        return self


class StrategyCard(Section):
    """One strategy. `parameters` overrides ranges or fixes values of the type's parameters, by name.

    A `candidate` is computed and judged like any other, but gets no capital before it is made `active`.
    """

    name: Name
    type: str
    description: str
    owner: Annotated[str, Field(min_length=1)] = "portfolio"
    stage: Literal["candidate", "active"] = "active"
    symbols: Symbols
    rebalance: Literal["daily", "weekly", "monthly"] = "weekly"
    direction: Literal["long_only", "long_short"] = "long_only"
    parameters: dict[str, Any] = Field(default_factory=dict)
    constraints: tuple[str, ...] = ()  # between parameters, such as `fast < slow`
    transition_sessions: Annotated[Whole, Field(ge=1, le=MOST_SESSIONS)] = 1  # that phase in a change of parameters
    search: Search = Search()
    sizing: Sizing = Sizing()
    honesty: Honesty = Honesty()

    def universe(self, settings: Settings) -> tuple[str, ...]:
        """The symbols it trades, in the order of the settings."""
        return tuple(
            instrument.symbol
            for instrument in settings.universe
            if instrument.asset_class in self.symbols.asset_classes or instrument.symbol in self.symbols.only
        )
