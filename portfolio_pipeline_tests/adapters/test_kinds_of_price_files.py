"""Price files as people have them: each kind is read as it is meant or refused with one message, and costs no other.

Every case puts one file beside a healthy one and says what becomes of it: READ (the bars below, to the last digit),
CLOSES (the same with open, high and low as the close and no volume), the name of the refusal, or what else comes out.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from portfolio_pipeline.adapters.market_data.files import FileMarketData
from portfolio_pipeline.core.calendar.sessions import SessionRange, as_days

RANGE = SessionRange(date(2024, 2, 20), date(2024, 3, 28))  # New York's clocks change on March 10
DAYS = as_days(tuple(RANGE))
PLACE = np.arange(len(DAYS))
VALUES = ["open", "high", "low", "close", "volume"]


def _bars(symbol: str, first: float) -> pd.DataFrame:
    close = np.round(first + PLACE * 1.25, 2)
    prices = {"open": close - 0.5, "high": close + 1, "low": close - 1.5, "close": close}
    return pd.DataFrame({"session": DAYS, "symbol": symbol, **prices, "volume": 1_000_000.0 + PLACE})


AAA, BBB = _bars("AAA", 100), _bars("BBB", 2000)
BOTH = pd.concat([AAA, BBB], ignore_index=True)
CLOSED = BOTH.assign(open=BOTH["close"], high=BOTH["close"], low=BOTH["close"], volume=0.0)
WITHOUT_VOLUME = BOTH.assign(volume=0.0)
HEALTHY = _bars("OKAY", 50)
NOTHING = BOTH.iloc[:0]
READ, CLOSES, ONE = BOTH, CLOSED, AAA
_TEXT = DAYS.astype(str)
_STAMPS = pd.to_datetime(DAYS).tz_localize("America/New_York")

Write = Callable[[Path], object]


def _csv(rows: pd.DataFrame, name: str = "prices.csv", encoding: str = "utf-8", **options: object) -> Write:
    text = rows.to_csv(**{"index": False, **options})
    return lambda folder: (folder / name).write_bytes(text.encode(encoding))


def _parquet(rows: pd.DataFrame, name: str = "prices.parquet") -> Write:
    return lambda folder: rows.to_parquet(folder / name)


def _raw(data: str | bytes, name: str = "prices.csv") -> Write:
    return lambda folder: (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)


def _dated(day: Callable[[pd.Timestamp], object]) -> pd.DataFrame:
    """Both symbols with each day written in some way."""
    written = [day(stamp) for stamp in _STAMPS]
    return BOTH.assign(session=written * 2)


def _yahoo(rows: pd.DataFrame = AAA) -> pd.DataFrame:
    """As `yfinance.Ticker.history` has it: no symbol, an index with New York's offsets."""
    named = rows.rename(columns=str.capitalize).drop(columns=["Session", "Symbol"])
    return named.assign(Dividends=0.0, **{"Stock Splits": 0.0}).set_index(pd.Index(_STAMPS, name="Date"))


def _levels(symbol_first: bool) -> pd.DataFrame:
    """As `yfinance.download` has several symbols."""
    parts = {
        symbol: _yahoo(rows)[["Close", "High", "Low", "Open", "Volume"]]
        for symbol, rows in (("AAA", AAA), ("BBB", BBB))
    }
    table = pd.concat(parts, axis=1, names=["Ticker", "Price"]).tz_localize(None)
    return table if symbol_first else table.swaplevel(axis=1).sort_index(axis=1)


def _numbers(form: Callable[[float], str], rows: pd.DataFrame = BOTH) -> pd.DataFrame:
    return rows.assign(**{name: [form(value) for value in rows[name]] for name in VALUES})


def _german(value: float) -> str:
    return f"{value:,.2f}".translate(str.maketrans(",.", ".,"))


def _buffered(rows: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    rows.to_parquet(buffer)
    return buffer.getvalue()


WIDE = BOTH.pivot_table("close", "session", "symbol")
SPLIT = AAA.assign(close=np.where(PLACE < 10, AAA["close"], AAA["close"] / 2))
SPLIT = SPLIT.assign(**dict.fromkeys(("open", "high", "low"), SPLIT["close"]))
FOR_TWO = np.where(PLACE == 10, 2.0, 1.0)
EXCEL_DAYS = (DAYS.astype(int) + 25569).tolist() * 2
EVENING = [(stamp + pd.Timedelta(hours=20)).tz_convert("UTC") for stamp in _STAMPS]
WITH_NUL = BOTH.assign(symbol=BOTH["symbol"].replace("BBB", "B\0B"))
ONE_BAD_DAY = BOTH.astype({"session": str})
ONE_BAD_DAY.loc[3, "session"] = "02/23/24"
ONE_BAD_NUMBER = BOTH.astype({"high": object})
ONE_BAD_NUMBER.loc[3, "high"] = "12O.5"

KINDS: dict[str, tuple[Write, pd.DataFrame | str]] = {
    # days
    "days as YYYY-MM-DD": (_csv(BOTH), READ),
    "days as 2024-2-5": (_csv(_dated(lambda d: f"{d.year}-{d.month}-{d.day}")), READ),
    "days as 2024/02/20": (_csv(_dated(lambda d: f"{d:%Y/%m/%d}")), READ),
    "days as 20240220": (_csv(_dated(lambda d: f"{d:%Y%m%d}")), READ),
    "days as integers 20240220": (_parquet(_dated(lambda d: int(f"{d:%Y%m%d}"))), READ),
    "days as 20.02.2024": (_csv(_dated(lambda d: f"{d:%d.%m.%Y}")), READ),
    "days as 20/02/2024": (_csv(_dated(lambda d: f"{d:%d/%m/%Y}")), READ),
    "days as 02/20/2024": (_csv(_dated(lambda d: f"{d:%m/%d/%Y}")), READ),
    "days as 02/05/2024, which could be two": (
        _csv(pd.DataFrame({"session": ["02/05/2024", "02/06/2024"], "symbol": "AAA", "close": 1.0})),
        "PRICE_DATE_AMBIGUOUS",
    ),
    "days as 02/20/24": (_csv(_dated(lambda d: f"{d:%m/%d/%y}")), "PRICE_DATE_UNREADABLE"),
    "days as 20-Feb-2024": (_csv(_dated(lambda d: f"{d:%d-%b-%Y}")), READ),
    "days as Feb 20, 2024": (_csv(_dated(lambda d: f"{d:%b %d, %Y}")), READ),
    "both offsets of New York, as yfinance writes them": (_csv(_yahoo(), "AAA.csv", index=True), ONE),
    "midnight in New York, in UTC": (_csv(_dated(lambda d: f"{d.tz_convert('UTC'):%Y-%m-%dT%H:%M:%SZ}")), READ),
    "midnight in UTC": (_csv(_dated(lambda d: f"{d:%Y-%m-%d}T00:00:00Z")), READ),
    "16:00 in New York, in UTC": (
        _csv(_dated(lambda d: (d + pd.Timedelta(hours=16)).tz_convert("UTC").isoformat())),
        READ,
    ),
    "20:00 in New York, in UTC": (_csv(BOTH.assign(session=EVENING * 2)), READ),
    "20:00 in New York, in UTC, in summer alone": (
        _csv(BOTH.assign(session=EVENING * 2)[BOTH["session"] >= np.datetime64("2024-03-11")]),
        BOTH[BOTH["session"] >= np.datetime64("2024-03-11")],
    ),
    "20:00 in New York, in UTC, without saying so": (
        _csv(BOTH.assign(session=[d.tz_localize(None) for d in EVENING] * 2)),
        "PRICE_DAYS_SHIFTED",
    ),
    "midnight in Berlin, in UTC": (
        _csv(BOTH.assign(session=[f"{day - np.timedelta64(1, 'D')}T23:00:00Z" for day in DAYS] * 2)),
        "PRICE_DAYS_SHIFTED",
    ),
    "every day a day late": (_csv(BOTH.assign(session=list(DAYS + np.timedelta64(1, "D")) * 2)), "PRICE_DAYS_SHIFTED"),
    "naive timestamps at 16:00": (_csv(_dated(lambda d: f"{d:%Y-%m-%d} 16:00:00")), READ),
    "seconds since 1970": (_csv(_dated(lambda d: int(d.timestamp()))), READ),
    "milliseconds since 1970": (_csv(_dated(lambda d: int(d.timestamp()) * 1_000)), READ),
    "nanoseconds since 1970": (_parquet(_dated(lambda d: d.value)), READ),
    "seconds since 1970 as floats": (_parquet(_dated(lambda d: d.timestamp())), READ),
    "days as spreadsheets count them": (_csv(BOTH.assign(session=EXCEL_DAYS)), "PRICE_DATE_UNREADABLE"),
    "row numbers for days": (_csv(BOTH.assign(session=list(range(len(BOTH))))), "PRICE_DATE_UNREADABLE"),
    "months as 2024-02": (_csv(_dated(lambda d: f"{d:%Y-%m}")), "PRICE_BARS_NOT_DAILY"),
    "months as 202402": (_csv(_dated(lambda d: f"{d:%Y%m}")), "PRICE_BARS_NOT_DAILY"),
    "months as Feb 2024": (_csv(_dated(lambda d: f"{d:%b %Y}")), "PRICE_BARS_NOT_DAILY"),
    "months of pandas": (
        _parquet(AAA.assign(session=pd.period_range("2020-01", periods=len(AAA), freq="M"))),
        "PRICE_BARS_NOT_DAILY",
    ),
    "years": (_csv(_dated(lambda d: d.year)), "PRICE_BARS_NOT_DAILY"),
    "quarters": (_csv(_dated(lambda d: f"{d.year}Q{d.quarter}")), "PRICE_BARS_NOT_DAILY"),
    "monthly bars with days": (
        _csv(AAA.assign(session=pd.date_range("2020-01-01", periods=len(AAA), freq="MS"))),
        "PRICE_BARS_NOT_DAILY",
    ),
    "weekly bars": (
        _csv(AAA.assign(session=pd.date_range("2020-01-06", periods=len(AAA), freq="7D"))),
        "PRICE_BARS_NOT_DAILY",
    ),
    "bars of hours": (
        _csv(pd.concat([BOTH.assign(session=[f"{d} {hour}:30" for d in _TEXT] * 2) for hour in (10, 11, 12)])),
        "PRICE_BARS_NOT_DAILY",
    ),
    "bars of minutes with a column for the time": (
        _csv(pd.concat([BOTH.assign(time=f"{hour}:30", close=BOTH["close"] + hour / 100) for hour in (10, 11)])),
        "PRICE_BARS_NOT_DAILY",
    ),
    "a zone in Parquet": (_parquet(BOTH.assign(session=list(_STAMPS) * 2)), READ),
    "UTC in Parquet": (_parquet(BOTH.assign(session=list(_STAMPS.tz_convert("UTC")) * 2)), READ),
    "date32 in Parquet": (_parquet(BOTH.assign(session=pd.to_datetime(BOTH["session"]).dt.date)), READ),
    "text in Parquet": (_parquet(BOTH.astype({"session": str})), READ),
    "categories in Parquet": (_parquet(BOTH.astype({"symbol": "category"})), READ),
    "one day that cannot be read": (_csv(ONE_BAD_DAY), BOTH.drop(index=3)),
    "days out of order": (_csv(BOTH.sample(frac=1, random_state=1)), READ),
    # columns and layouts
    "names in capitals and with blanks": (_csv(BOTH.rename(columns=lambda n: f" {n.upper()} ")), READ),
    "Date, Ticker, Vol": (_csv(BOTH.rename(columns={"session": "Date", "symbol": "Ticker", "volume": "Vol"})), READ),
    "an adjusted close beside the close": (_csv(BOTH.assign(**{"Adj Close": 1.0})), READ),
    "an adjusted close alone": (_csv(AAA.rename(columns={"close": "Adj Close"}), "AAA.csv"), "PRICE_COLUMNS_MISSING"),
    "Close and close side by side": (_csv(BOTH.assign(Close=1.0)), "PRICE_COLUMNS_TWICE"),
    "close twice": (_csv(pd.concat([BOTH, BOTH[["close"]]], axis=1)), "PRICE_COLUMNS_TWICE"),
    "a column too many in every row": (
        _raw("session,symbol,close\n2024-02-20,AAA,100,5\n2024-02-21,AAA,101,25\n"),
        "PRICE_FILE_UNREADABLE",
    ),
    "row numbers in front": (_csv(BOTH, index=True), READ),
    "days in front without a name": (_csv(AAA.set_index("session").rename_axis(None), "AAA.csv", index=True), ONE),
    "day as the index in Parquet": (_parquet(BOTH.set_index("session")), READ),
    "day and symbol as the index in Parquet": (_parquet(BOTH.set_index(["session", "symbol"])), READ),
    "a file for each symbol, named after it": (_csv(AAA.drop(columns="symbol"), "AAA.csv"), ONE),
    "a file for one symbol, named otherwise": (
        _csv(AAA.drop(columns="symbol"), "my prices.csv"),
        "PRICE_COLUMNS_MISSING",
    ),
    "several symbols of yfinance in CSV": (_csv(_levels(symbol_first=False), index=True), READ),
    "several symbols of yfinance, symbols above": (_csv(_levels(symbol_first=True), index=True), READ),
    "several symbols of yfinance in Parquet": (_parquet(_levels(symbol_first=False)), READ),
    "wide closes": (_csv(WIDE, index=True), CLOSES),
    "wide closes in Parquet without a name of the index": (_parquet(WIDE.rename_axis(None)), CLOSES),
    "wide closes of tickers that are words of bars": (
        _csv(WIDE.rename(columns={"AAA": "LOW", "BBB": "OPEN"}), index=True),
        CLOSED.assign(symbol=CLOSED["symbol"].map({"AAA": "LOW", "BBB": "OPEN"})),
    ),
    "long closes": (_csv(BOTH[["session", "symbol", "close"]]), CLOSES),
    "a row for each value": (_csv(BOTH.melt(["session", "symbol"])), "PRICE_COLUMNS_MISSING"),
    "bars without a high": (_csv(BOTH.drop(columns="high")), "PRICE_COLUMNS_MISSING"),
    "no volume": (_csv(BOTH.drop(columns="volume")), WITHOUT_VOLUME),
    "volume with holes": (_csv(BOTH.assign(volume=np.nan)), WITHOUT_VOLUME),
    "whole volumes": (_parquet(BOTH.astype({"volume": "int64"})), READ),
    "Stock Splits of yfinance, in the prices already": (
        _csv(_yahoo().assign(**{"Stock Splits": np.where(PLACE == 10, 2.0, 0.0)}), "AAA.csv", index=True),
        ONE.assign(split_ratio=1.0),
    ),
    "Stock Splits that are not in the prices": (
        _csv(SPLIT.assign(**{"Stock Splits": FOR_TWO - 1 + (FOR_TWO == 2)})),
        SPLIT.assign(split_ratio=FOR_TWO),
    ),
    "splitFactor": (_csv(SPLIT.assign(splitFactor=FOR_TWO)), SPLIT.assign(split_ratio=FOR_TWO)),
    "Splits": (_csv(SPLIT.assign(Splits=FOR_TWO)), SPLIT.assign(split_ratio=FOR_TWO)),
    "a split called otherwise": (_csv(SPLIT.assign(split_event=FOR_TWO)), "PRICE_COLUMN_NOT_KNOWN"),
    "Dividends and Capital Gains": (
        _csv(BOTH.assign(Dividends=0.25, **{"Capital Gains": 0.5})),
        BOTH.assign(dividend=0.75),
    ),
    "the same rows twice": (_csv(pd.concat([BOTH, BOTH])), pd.concat([BOTH, BOTH])),
    # symbols
    "symbols in small letters with blanks": (_csv(BOTH.assign(symbol=" " + BOTH["symbol"].str.lower() + " ")), READ),
    "BRK-B, as Yahoo spells BRK.B": (_csv(AAA.assign(symbol="BRK-B")), AAA.assign(symbol="BRK.B")),
    "NA, NaN, TRUE as tickers": (
        _csv(pd.concat([AAA.assign(symbol=name) for name in ("NA", "NaN", "TRUE", "null")])),
        pd.concat([AAA.assign(symbol=name) for name in ("NA", "NaN", "TRUE", "NULL")]),
    ),
    "TRUE above a column": (
        _csv(WIDE.rename(columns={"AAA": "TRUE", "BBB": "NA"}), index=True),
        CLOSED.replace({"AAA": "TRUE", "BBB": "NA"}),
    ),
    "true as a truth value": (_parquet(AAA.assign(symbol=True)), "PRICE_SYMBOL_UNREADABLE"),
    "tickers of digits with zeros in front": (_csv(AAA.assign(symbol="0700")), AAA.assign(symbol="0700")),
    "NUL in a symbol": (_parquet(WITH_NUL), WITH_NUL),
    "no symbol in some rows": (_csv(BOTH.replace("BBB", None)), BOTH.replace("BBB", "")),
    # numbers
    "semicolons": (_csv(BOTH, sep=";"), READ),
    "tabs": (_csv(BOTH, "prices.tsv", sep="\t"), READ),
    "semicolons and decimal commas": (_csv(BOTH, sep=";", decimal=","), READ),
    "German thousands": (_csv(_numbers(_german), sep=";"), READ),
    "English thousands in quotes": (_csv(_numbers(lambda v: f"{v:,.2f}")), READ),
    "thousands with blanks": (_csv(_numbers(lambda v: f"{v:,.2f}".replace(",", "\u00a0"))), READ),
    "dollars": (_csv(_numbers(lambda v: f"${v:.2f}")), READ),
    "1,234 and no word of what the comma is": (
        _csv(pd.DataFrame({"session": DAYS[:2], "symbol": "AAA", "close": ["1,234", "1,235"]})),
        "PRICE_NUMBER_AMBIGUOUS",
    ),
    "a decimal comma between commas": (
        _raw("session,close\n2024-02-20,12,5\n2024-02-21,12,75\n", "AAA.csv"),
        "PRICE_FILE_UNREADABLE",
    ),
    "numbers as text in Parquet": (_parquet(_numbers(str)), READ),
    "decimals in Parquet": (_parquet(_numbers(lambda v: __import__("decimal").Decimal(f"{v:.2f}"))), READ),
    "null for a missing price": (
        _csv(BOTH.assign(close=["null", *BOTH["close"].astype(str)[1:]])),
        BOTH.assign(close=[np.nan, *BOTH["close"][1:]]),
    ),
    "truth values for prices": (_parquet(BOTH.assign(close=True)), "PRICE_NUMBER_UNREADABLE"),
    "times for prices": (_parquet(BOTH.assign(close=BOTH["session"])), "PRICE_NUMBER_UNREADABLE"),
    "one number that cannot be read": (_csv(ONE_BAD_NUMBER), BOTH.drop(index=3)),
    "words for prices": (_csv(BOTH.assign(close="high")), "PRICE_NUMBER_UNREADABLE"),
    # files
    "a byte order mark": (_csv(BOTH, encoding="utf-8-sig"), READ),
    "UTF-16": (_csv(BOTH, encoding="utf-16"), READ),
    "UTF-16 without a mark": (_csv(BOTH, encoding="utf-16-le"), READ),
    "Latin-1": (_csv(BOTH.assign(name="Société"), encoding="latin-1"), READ),
    "lines of Windows": (_csv(BOTH, lineterminator="\r\n"), READ),
    "sep=; in front, as Excel writes it": (_raw("sep=;\n" + BOTH.to_csv(index=False, sep=";")), READ),
    "blank lines in front": (_raw("\n\n" + BOTH.to_csv(index=False)), READ),
    "CSV in gzip": (_raw(gzip.compress(BOTH.to_csv(index=False).encode()), "prices.csv.gz"), READ),
    "a gzip that breaks off": (
        _raw(gzip.compress(BOTH.to_csv(index=False).encode())[:200], "prices.csv.gz"),
        "PRICE_FILE_UNREADABLE",
    ),
    "nothing": (_raw(""), "PRICE_FILE_UNREADABLE"),
    "names and no row": (_raw("session,symbol,close\n"), "PRICE_FILE_EMPTY"),
    "a web page": (_raw("<!DOCTYPE html>\n<html><body>429 Too Many Requests</body></html>\n"), "PRICE_FILE_UNREADABLE"),
    "an answer of a server": (_raw('{"error": "no such symbol"}'), "PRICE_FILE_UNREADABLE"),
    "Parquet that breaks off": (_raw(_buffered(BOTH)[:-100], "prices.parquet"), "PRICE_FILE_UNREADABLE"),
    "text called Parquet": (_raw(BOTH.to_csv(index=False), "prices.parquet"), "PRICE_FILE_UNREADABLE"),
    "Parquet called text": (_raw(_buffered(BOTH)), "PRICE_FILE_UNREADABLE"),
    "a spreadsheet": (_raw(b"PK\x03\x04", "prices.xlsx"), "PRICE_FILE_OF_ANOTHER_KIND"),
    "what a Mac leaves behind": (_raw(b"\x00\x05\x16\x07", "._AAA.csv"), NOTHING),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_file_is_read_as_it_is_meant_or_refused_and_costs_no_other_file(kind: str, tmp_path: Path) -> None:
    write, outcome = KINDS[kind]
    (tmp_path / "prices").mkdir()
    HEALTHY.to_parquet(tmp_path / "prices" / "healthy.parquet")
    write(tmp_path / "prices")
    source = FileMarketData(tmp_path / "prices", tmp_path / "parsed")

    rows, refusals = source.bars((), RANGE), source.refusals()

    expected = NOTHING if isinstance(outcome, str) else outcome
    assert _plain(rows) == _plain(pd.concat([expected, HEALTHY]))
    if isinstance(outcome, str):
        (refusal,) = refusals
        assert refusal.reason == outcome
        assert refusal.figures["file"]
        assert refusal.remedy
        assert str(refusal).isprintable()
    elif "cannot be read" in kind:
        assert [refusal.figures["row"] for refusal in refusals] == [4]
    else:
        assert refusals == []


def _plain(rows: pd.DataFrame) -> list[tuple[object, ...]]:
    """The rows in an order of their own, with NaN as a word."""
    whole = rows.assign(
        **{n: rows.get(n, pd.Series(v, rows.index)) for n, v in (("dividend", 0.0), ("split_ratio", 1.0))}
    )
    whole = whole.fillna({"dividend": 0.0, "split_ratio": 1.0})
    days = pd.to_datetime(whole["session"]).dt.strftime("%Y-%m-%d")
    columns = [days, whole["symbol"], *(whole[name].map(str) for name in (*VALUES, "dividend", "split_ratio"))]
    return sorted(zip(*columns, strict=True))
