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
    SomeFraction,
    Whole,
    impossible,
)
from portfolio_pipeline.core.settings import Settings
from portfolio_pipeline.core.tables.declare import ACCOUNT_BOOK, RESERVE, UNCLAIMED


def _no_other_book(name: str) -> str:
    """A strategy's book carries its name, and stands in the tables beside the two that belong to no strategy."""
    if name in (ACCOUNT_BOOK, RESERVE, UNCLAIMED):
        raise ValueError(f"any name but {ACCOUNT_BOOK}, {RESERVE} and {UNCLAIMED}, which are books of the house")
    return name


_NAME = Form(r"[a-z][a-z0-9_]{1,40}", "2 to 41 of a-z, 0-9 and _, a letter first")
Name = Annotated[str, AfterValidator(_NAME), AfterValidator(_no_other_book)]
Goal = Literal["sharpe", "return", "sortino", "calmar", "drawdown"]
Weight = Annotated[Number, Field(gt=0, le=1e6)]
Stop = Annotated[Number, AfterValidator(Bounds(0, 0.99, above=True, fraction=True))]
Margin = Annotated[Number, AfterValidator(Bounds(0, 10, fraction=True))]
Evidence = Annotated[Number, AfterValidator(Bounds(0, 1_000, above=True))]
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

    Each `maximum_…` may be tighter than the house's limit, and what is left out is that one (`own_limits`): of one
    symbol, of all together, of the number of symbols, and the fall on paper at which it is stopped.
    """

    by: Literal["type", "volatility", "performance"] = "type"
    crowding_penalty: Fraction = 0.0
    volatility_target: Size | None = None
    volatility_window: Annotated[Whole, Field(ge=10, le=MOST_SESSIONS)] = 60
    adjust: Literal["at_decisions", "daily"] = "at_decisions"
    stop: Stop | None = None
    maximum_weight: Fraction = 0.35
    maximum_gross: Multiple = 1.0
    maximum_positions: Annotated[Whole, Field(ge=1, le=500)] | None = None
    maximum_drawdown: SomeFraction | None = None


class Honesty(Section):
    """What it takes to be believed, doubted, given capital and stopped, and what follows when results are doubted.

    Evidence that the returns out of sample are above cash (`core.honesty.evidence`) begins at 1. Believed from
    `believed_at` until it is below `believed_until`; doubted while the evidence of loss has reached `doubted_at` and is
    not below `doubted_until` again. At `promoted_at` a candidate may be given capital: at most one worthless candidate
    in so many ever gets there. At `paused_at` of the evidence of loss capital is taken back.

    What a search showed counts while a strategy is young, with fewer than `young_sessions` active sessions out of
    sample: it is doubted where choosing did harm (`maximum_overfitting`, unless the chosen sets lost in
    `harmless_loss` of the splits or fewer) or, as a candidate, where more paths than `maximum_path_loss` lose; and it
    is not believed where luck among so many sets explains its results (`minimum_deflated_sharpe`). Nothing is believed
    before `fewest_sessions` active sessions.

    Measured on ten years of daily returns with fat tails, from the third year on: worthless strategies are believed on
    3.4 % of the days and 2.2 % ever get to `promoted_at` (no more than 2.4 % on returns with clusters or jumps of
    volatility, as of sold options, or mostly idle); with a true Sharpe ratio of 0.6 strategies are believed on 32 % of
    the days, of 1.0 on 64 %, of 1.5 on 89 %. Doubted are the worthless on 8 % of the days, those of -0.5 on 35 %, of
    -1.0 on 71 %, of 0.6 on 0.6 %. A verdict changes 0.5 to 1.1 times in ten years on average. So doubt means loss, and
    a few years cannot tell a small edge from none.
    """

    when_doubted: Literal["report", "no_new_capital"] = "report"
    believed_at: Evidence = 8.0
    believed_until: Evidence = 1.0
    doubted_at: Evidence = 10.0
    doubted_until: Evidence = 2.0
    promoted_at: Evidence = 20.0
    paused_at: Evidence = 20.0
    young_sessions: Annotated[Whole, Field(ge=0, le=MOST_SESSIONS)] = 252
    fewest_sessions: Annotated[Whole, Field(ge=20, le=MOST_SESSIONS)] = 126
    minimum_deflated_sharpe: Fraction = 0.90
    maximum_overfitting: Fraction = 0.60
    harmless_loss: Fraction = 0.10
    maximum_path_loss: Fraction = 0.25
    blocks: Annotated[Whole, Field(ge=2, le=16, multiple_of=2)] = 10
    walk_forward_sessions: Annotated[Whole, Field(ge=60, le=MOST_SESSIONS)] = 504  # of promised and arrived: only told

    @model_validator(mode="before")
    @classmethod
    def _asks_nothing_of_before(cls, written: Any) -> Any:
        if isinstance(written, dict) and "minimum_efficiency" in written:
            raise impossible("verdicts no longer ask for it: leave this entry out", "minimum_efficiency")
        return written

    @model_validator(mode="after")
    def _can_ever_be_believed(self) -> Honesty:
        if self.fewest_sessions > self.walk_forward_sessions:
            raise impossible(
                f"fewest_sessions, {self.fewest_sessions}, is more than walk_forward_sessions",
                "walk_forward_sessions" if "walk_forward_sessions" in self.model_fields_set else "fewest_sessions",
            )
        for lower, upper in (
            ("believed_until", "believed_at"),
            ("doubted_until", "doubted_at"),
            ("believed_at", "promoted_at"),
            ("doubted_at", "paused_at"),
        ):
            if getattr(self, lower) > getattr(self, upper):
                wrong = lower if lower in self.model_fields_set else upper
                raise impossible(
                    f"{lower}, {getattr(self, lower):g}, is above {upper}, {getattr(self, upper):g}", wrong
                )
        if self.doubted_until <= 1.0:
            raise impossible("evidence of loss is never below 1, so that doubt would never end", "doubted_until")
        return self


class StrategyCard(Section):
    """One strategy. `parameters` overrides ranges or fixes values of the type's parameters, by name.

    A `candidate` is computed and judged like any other, but gets no capital before it is made `active`, by hand or,
    where the settings say `promotion: act`, by what it earns on paper (`core.honesty.promotion`). One that is `paused`
    gives its capital back, and its share stays in cash instead of going to the others.
    """

    name: Name
    type: str
    description: str
    owner: Annotated[str, Field(min_length=1)] = "portfolio"
    stage: Literal["candidate", "active", "paused"] = "active"
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

    def asset_class(self, settings: Settings) -> str:
        """The one that its symbols are of; `several` where they are of more."""
        class_of = settings.asset_classes
        classes = {class_of[symbol] for symbol in self.universe(settings)}
        return classes.pop() if len(classes) == 1 else "several"
