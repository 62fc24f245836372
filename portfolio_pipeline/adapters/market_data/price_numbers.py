"""The numbers of a price file's columns, however they are written: 1234.5, 1,234.5, 1.234,5, 1 234,5 or $1,234.50.

The columns of a file are written in one way. What could be read in two ways (is 1,234 above a thousand?) is refused.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from portfolio_pipeline.core.arrays import Array
from portfolio_pipeline.core.errors import DataError

EMPTY = ("", "nan", "null", "none")
_GROUPED_BY_COMMA = r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?"
_GROUPED_BY_DOT = r"[-+]?\d{1,3}(?:\.\d{3})+(?:,\d+)?"
# What shows which of the two marks the fraction.
_COMMA_IS_FRACTION = r"\d*,(?:\d{1,2}|\d{4,})|.*\..*,\d+|0,\d+|\d{4,},\d+"
_COMMA_IS_GROUP = r".*,.*\.\d*|.*,.*,.*"


def numbers(columns: Mapping[str, pd.Series]) -> tuple[dict[str, Array], dict[str, Array]]:
    """Each column as floats, NaN where a cell is empty; and where a cell holds something that is no number."""
    texts = {name: _text(values) for name, values in columns.items() if not _is_number(name, values)}
    comma_is_fraction = _comma_is_fraction(texts)
    found, wrong = {}, {}
    for name, values in columns.items():
        if name not in texts:
            found[name] = values.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
            wrong[name] = np.zeros(len(values), dtype=bool)
            continue
        text = texts[name]
        empty = text.str.lower().isin(EMPTY)
        read = pd.to_numeric(_pointed(text, comma_is_fraction), errors="coerce").astype("Float64")
        found[name] = read.to_numpy(dtype=np.float64, na_value=np.nan)
        wrong[name] = np.isnan(found[name]) & ~empty.to_numpy(dtype=bool)
    return found, wrong


def _is_number(name: str, values: pd.Series) -> bool:
    types = pd.api.types
    if types.is_bool_dtype(values) or types.is_datetime64_any_dtype(values) or types.is_timedelta64_dtype(values):
        raise DataError(
            "PRICE_NUMBER_UNREADABLE",
            column=name,
            found=f"{values.dtype} such as {values.iloc[0]}",
            expected="a number",
            remedy="Write the column as numbers.",
        )
    return bool(types.is_numeric_dtype(values))


def _text(values: pd.Series) -> pd.Series:
    """The words of a column without what people put around and into numbers."""
    words = values.astype(object).where(values.notna(), "").astype(str).str.strip()
    return words.str.replace(r"^([-+]?)[$€£]", r"\1", regex=True).str.replace(
        "['\u2019\\s\u00a0\u202f]", "", regex=True
    )


def _comma_is_fraction(texts: Mapping[str, pd.Series]) -> bool:
    written = pd.concat(list(texts.values())) if texts else pd.Series(dtype=str)
    marked = written[written.str.contains(",", regex=False) | (written.str.count(r"\.") > 1)]
    fraction, group = (bool(marked.str.fullmatch(shows).any()) for shows in (_COMMA_IS_FRACTION, _COMMA_IS_GROUP))
    fraction |= bool((marked.str.count(r"\.") > 1).any())
    if len(marked) and fraction == group:
        raise DataError(
            "PRICE_NUMBER_AMBIGUOUS",
            found=repr(marked.iloc[0]),
            expected="numbers that show whether a comma begins the fraction",
            remedy="Write numbers with a point and without separators of thousands.",
        )
    return fraction


def _pointed(text: pd.Series, comma_is_fraction: bool) -> pd.Series:
    """Numbers with a point and without separators; what is grouped wrongly stays as it is, and cannot be read."""
    if comma_is_fraction:
        grouped = text.str.fullmatch(_GROUPED_BY_DOT)
        ungrouped = text.where(~grouped, text.str.replace(".", "", regex=False))
        return ungrouped.where(~ungrouped.str.contains(".", regex=False), "").str.replace(",", ".", regex=False)
    grouped = text.str.fullmatch(_GROUPED_BY_COMMA)
    return text.where(~grouped, text.str.replace(",", "", regex=False))
