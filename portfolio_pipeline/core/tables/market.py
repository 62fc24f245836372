"""Market data and what is known of the market: bars, their quarantine, features, regimes."""

from __future__ import annotations

from portfolio_pipeline.core.features.families import STORED_FEATURES, columns_of_prices
from portfolio_pipeline.core.tables.declare import SYMBOL, Column, Table, number, session, text

REGIMES = ("bull_quiet", "bull_volatile", "bear_quiet", "bear_volatile", "transition", "crisis")

_BAR = (
    number("open", "first traded price, as printed", "currency per share", minimum=0),
    number("high", "highest traded price, as printed", "currency per share", minimum=0),
    number("low", "lowest traded price, as printed", "currency per share", minimum=0),
    number("close", "last traded price, as printed", "currency per share", minimum=0),
    number("volume", "shares traded, as printed", "shares", minimum=0),
    number("dividend", "cash paid per share held after the session's split", "currency per share", minimum=0),
    number("split_ratio", "new shares per old share, in force from the session's open; 1 without a split", minimum=0),
    text("source", "where the bar came from; SIMULATED, with model and seed, for made-up markets"),
    Column("retrieved_at", "timestamp", "when the bar was retrieved; the session's close for simulated markets"),
)
PRICES = Table(
    "prices",
    "one row per session and symbol",
    "Accepted raw bars with the corporate actions of the session; append-only.",
    ("session", "symbol"),
    (session(), SYMBOL, *_BAR),
)
CORPORATE_ACTIONS = Table(
    "corporate_actions",
    "one row per session and symbol with a split or dividend",
    "Splits and dividends, also those of sessions whose bar was refused or missing: holders get them all the same.",
    ("session", "symbol"),
    (
        session(),
        SYMBOL,
        number("dividend", "cash paid per share held after the session's split", "currency per share", minimum=0),
        number("split_ratio", "new shares per old share, from the session's open on; 1 without a split", minimum=0),
        text("source", "where it came from; SIMULATED for made-up markets"),
    ),
)
PRICE_RESTATEMENTS = Table(
    "price_restatements",
    "one row per session, symbol and version",
    "Bars that a source later delivered differently from what was stored, after later bars were stored, or no more.",
    ("session", "symbol", "version"),
    (
        session(),
        SYMBOL,
        Column("version", "bigint", "2 for the first restatement of a bar, and so on"),
        text(
            "kind",
            "`changed`: differs from the stored bar; `late`: no bar was stored; `gone`: the source no longer holds the "
            "stored bar, which is repeated here",
            *("changed", "late", "gone"),
        ),
        Column("accepted", "boolean", "whether a person accepted it into prices, or settled it"),
        *_BAR,
    ),
)
QUARANTINE = Table(
    "quarantine",
    "one row per session, symbol and rule",
    "Bars that were refused or missing: what, where, what was found, what was expected, what to do.",
    ("session", "symbol", "rule"),
    (
        session(),
        SYMBOL,
        text("rule", "the data-quality rule that was broken"),
        text("found", "what the bar holds"),
        text("expected", "what the rule asks for"),
        text("remedy", "what a person can do about it"),
        number("open", "as delivered", "currency per share", nullable=True),
        number("high", "as delivered", "currency per share", nullable=True),
        number("low", "as delivered", "currency per share", nullable=True),
        number("close", "as delivered", "currency per share", nullable=True),
        number("volume", "as delivered", "shares", nullable=True),
        text("source", "where the bar came from"),
    ),
)
PRICE_HOLES = Table(
    "price_holes",
    "one row per session without prices",
    "Sessions that nobody has bars for, and that a person said to go on without: positions are carried at the last "
    "close, nothing is sent. What the source delivers of them later is a restatement.",
    ("session",),
    (session(), text("found", "what the source had of the session"), text("source", "where bars were looked for")),
)
VENDOR_DIFFERENCES = Table(
    "vendor_differences",
    "one row per session, symbol, field and second vendor",
    "What a further vendor says otherwise than the first one that answered, beyond `quality.vendor_difference`: one of "
    "them is wrong. Prices hold the first one's bar.",
    ("session", "symbol", "field", "second_source"),
    (
        session(),
        SYMBOL,
        text("field", "what differs", "close", "split_ratio"),
        text("first_source", "whose bar is in prices, as far as it was taken"),
        text("second_source", "who says otherwise"),
        number("first", "as the first one says", minimum=0),
        number("second", "as the second one says", minimum=0),
        number("difference", "second / first - 1", "fraction"),
    ),
)
FEATURES = Table(
    "features",
    "one row per session and symbol that traded",
    "What is known about a symbol at the close, from bars up to that close: the stored families of `core.features`. "
    "Windows are counted in sessions, over closes carried forward where there was no bar; partial windows are NULL.",
    ("session", "symbol"),
    (
        session(),
        SYMBOL,
        *(
            number(
                stored.name,
                stored.description,
                stored.family.unit,
                nullable=not stored.family.always_known,
                minimum=stored.family.minimum,
            ).made_of(*(f"prices.{column}" for column in columns_of_prices(stored.family.name)))
            for stored in STORED_FEATURES
        ),
    ),
)
CASH_RETURNS = Table(
    "cash_returns",
    "one row per session",
    "What cash left at the close earns until the next session's open, as the settings say; known at the close.",
    ("session",),
    (
        session("the session at whose close the cash is there"),
        number("cash_return", "what it earns, paid before the next open", "fraction").made_of("prices.close"),
        text("origin", "the rate a year, or the symbol whose return it is"),
    ),
    first_stays=True,
)
REGIME_TABLE = Table(
    "regimes",
    "one row per session",
    "The market regime at the close and the filtered probability of each regime (never smoothed with later data).",
    ("session",),
    (
        session(),
        text("regime", "told until another is more than twice as likely", *REGIMES).made_of("features.adjusted_close"),
        *(
            number(f"probability_{name}", f"filtered probability of {name}", minimum=0, maximum=1).made_of(
                "features.adjusted_close"
            )
            for name in REGIMES
        ),
    ),
)
