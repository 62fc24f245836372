"""Real daily closes that come inside wheels, to hold the made-up market and decisions against. For benchmarks only.

A wheel's licence is no right to its market data: nothing of it may stand in the repository. skfolio is installed with
the tests; other wheels are downloaded by pip, never installed, into the folder that REAL_PRICES_FOLDER names, or else a
folder for temporary files. Every frame has sessions as a DatetimeIndex, symbols as columns, and no gaps.
"""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import tempfile
from functools import cache
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pandas as pd

from portfolio_pipeline.core.errors import DataError

FOLDER = "REAL_PRICES_FOLDER"


def us_stocks() -> pd.DataFrame:
    """20 large US companies, 1990 to 2022, adjusted for splits and dividends; all of them have survived.

    Cleaned: RRC falls by exactly two thirds on 1990-04-10, a consolidation nobody adjusted: its closes before are
    divided by three. In its first years it stands still for days, since its adjusted price is a few cents.
    """
    from skfolio.datasets import load_sp500_dataset

    closes: pd.DataFrame = load_sp500_dataset()
    closes.loc[:"1990-04-09", "RRC"] /= 3
    return _whole(closes)


def us_index() -> pd.DataFrame:
    """The S&P 500, 1990 to 2022, without dividends (about 2 % a year). Nothing was cleaned."""
    from skfolio.datasets import load_sp500_index

    closes: pd.DataFrame = load_sp500_index()
    return _whole(closes.set_axis(["S&P 500"], axis=1))


def funds() -> pd.DataFrame:
    """23 funds of stocks and bonds, 2008 to mid 2016, closes without dividends (of bonds most of what they earn).

    Cleaned: LQD of 2008-09-29 fell by 9.6 % and was back a session later; it is the mean of its neighbours.
    """
    with _wheel("mlfinpy").open("mlfinpy/dataset/data/stock_prices.csv") as file:
        closes = pd.read_csv(file, index_col=0, parse_dates=True)
    closes.loc["2008-09-29", "LQD"] = closes.loc[["2008-09-26", "2008-09-30"], "LQD"].mean()
    return _whole(closes)


def oil() -> pd.DataFrame:
    """The spot price of crude oil (WTI), 1986 to 2018. Cleaned: days without a price are left out."""
    rows = _of_arch("wti")
    closes = pd.to_numeric(rows["DCOILWTICO"], errors="coerce").set_axis(pd.to_datetime(rows["Date"]))
    return _whole(closes.dropna().to_frame("WTI"))


def us_cash() -> pd.Series:
    """What one-month treasury bills earned, as a yearly rate by month, 1926 to 2018."""
    rows = _of_arch("frenchdata")
    months = pd.to_datetime(rows["Date"].astype(str), format="%Y%m")
    return (rows["RF"] * 12 / 100).set_axis(pd.DatetimeIndex(months)).rename("cash")


def _of_arch(name: str) -> pd.DataFrame:
    return pd.read_csv(BytesIO(gzip.decompress(_wheel("arch").read(f"arch/data/{name}/{name}.csv.gz"))))


def _whole(closes: pd.DataFrame) -> pd.DataFrame:
    found = int(closes.isna().sum().sum()), bool((closes > 0).all(axis=None)), closes.index.is_monotonic_increasing
    if found != (0, True, True):
        raise DataError("REAL_PRICES_BROKEN", found=found, remedy="The wheel holds something else than it did.")
    return closes.astype(float)


@cache
def _wheel(project: str) -> ZipFile:
    folder = Path(os.environ.get(FOLDER) or Path(tempfile.gettempdir()) / "portfolio_pipeline_real_prices")
    folder.mkdir(parents=True, exist_ok=True)
    there = sorted(folder.glob(f"{project}-*.whl"))
    if not there:
        asked = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", str(folder), project]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        there = sorted(folder.glob(f"{project}-*.whl"))
        if not there:
            raise DataError(
                "REAL_PRICES_OUT_OF_REACH",
                found=(done.stderr.strip().splitlines() or ["nothing was downloaded"])[-1],
                remedy=f"Let pip reach its index, or put a wheel of {project} into a folder and name it in {FOLDER}.",
            )
    return ZipFile(there[-1])
