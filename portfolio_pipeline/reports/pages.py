"""A back-test report as people see it: tables of words, pictures, a page of HTML, files for other tools.

The terminal and Dagster's UI show the same tables. No figure is computed here.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from portfolio_pipeline.core.backtest.report import FIGURES, KNOWLEDGE, Column
from portfolio_pipeline.reports.backtest import BacktestReport
from portfolio_pipeline.reports.page import cell, html_table, image, markdown, paragraphs, whole_page, written
from portfolio_pipeline.reports.pictures import line_picture

# Names of the metrics table where it has them, and how a figure is written.
_WORDS = {
    "total_return": ("Return", "{:+.1%}"),
    "annual_return": ("a year", "{:+.1%}"),
    "volatility": ("Volatility", "{:.1%}"),
    "sharpe": ("Sharpe", "{:.2f}"),
    "sortino": ("Sortino", "{:.2f}"),
    "calmar": ("Calmar", "{:.2f}"),
    "max_drawdown": ("Worst drawdown", "{:.1%}"),
    "best_month": ("Best month", "{:+.1%}"),
    "worst_month": ("Worst month", "{:+.1%}"),
    "hit_rate": ("Days up", "{:.0%}"),
    "exposure": ("Mean exposure", "{:.0%}"),
    "turnover": ("Turnover a year", "{:.1f}x"),
    "cost": ("Cost a year", "{:.2%}"),
    "trades": ("Trades", "{:,.0f}"),
    "sessions": ("Sessions", "{:,.0f}"),
}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LEGEND = 26  # letters


def figures_table(report: BacktestReport) -> pd.DataFrame:
    """A row for each figure, a column for each book; above the figures, what the column knew."""
    table = {"": ["Parameters are", *(_WORDS[name][0] for name in FIGURES)]}
    for column in report.columns:
        cells = [cell(column.figures[name], _WORDS[name][1]) for name in FIGURES]
        table[column.label] = ["" if column.knowledge == "market" else column.knowledge, *cells]
    return pd.DataFrame(table)


def monthly_table(column: Column) -> pd.DataFrame:
    """A row for each year, its months, and the year as a whole, in percent."""
    months = column.monthly.index
    by_year = (1.0 + column.monthly).groupby(months.year).prod() - 1.0
    rows = []
    for year, whole in by_year.items():
        mine = dict(zip(months.month[months.year == year], column.monthly[months.year == year], strict=True))
        cells = (cell(100.0 * mine.get(month, np.nan), "{:+.1f}") for month in range(1, 13))
        rows.append([str(year), *cells, f"{100.0 * whole:+.1f}"])
    return pd.DataFrame(rows, columns=["", *_MONTHS, "Year"])


def trades_table(column: Column, newest: int) -> pd.DataFrame:
    """The newest trades, the last one first. Value, cost and weight are shares of the equity."""
    trades = column.trades if column.trades is not None else pd.DataFrame()
    rows = [
        [
            f"{trade.session:%Y-%m-%d}",
            trade.symbol,
            trade.side,
            cell(trade.open, "{:,.2f}"),
            f"{trade.value:.2%}",
            f"{trade.cost * 1e4:.2f}",
            f"{trade.weight_after:.1%}",
        ]
        for trade in (trades.iloc[::-1].head(newest).itertuples() if newest else ())
    ]
    names = ["Session", "Symbol", "Side", "Price", "Value", "Cost (bp)", "Held at the close"]
    return pd.DataFrame(rows, columns=names)


def trades_title(column: Column, newest: int) -> str:
    count = 0 if column.trades is None else len(column.trades)
    return f"{column.label}: the newest {newest} of {count} trades" if count > newest else f"{column.label}: trades"


def parameter_lines(report: BacktestReport) -> list[str]:
    return [f"{name}: {values}" for name, values in report.parameters.items()]


def knowledge_lines(report: BacktestReport) -> list[str]:
    """What the words in the first row of the figures mean."""
    return [f"{word}: {KNOWLEDGE[word]}" for word in dict.fromkeys(column.knowledge for column in report.columns[:-1])]


def pictures(report: BacktestReport) -> dict[str, str]:
    """Equity and drawdown of every column, as markdown with the picture in it."""
    days = report.columns[0].sessions

    def lines(values: Callable[[Column], np.ndarray]) -> dict[str, np.ndarray]:
        drawn = {}
        for column in report.columns:
            name = column.label if len(column.label) <= _LEGEND else f"{column.label[: _LEGEND - 1]}…"
            while name in drawn:
                name += "'"
            drawn[name] = np.full(len(days), np.nan)
            drawn[name][np.searchsorted(days, column.sessions)] = values(column)
        return drawn

    return {
        "equity": line_picture(f"{report.title}: what 1 became", days, lines(lambda column: column.equity)),
        "drawdown": line_picture(
            f"{report.title}: drawdown", days, lines(lambda column: column.drawdown), percent=True
        ),
    }


def markdown_page(report: BacktestReport, trades: int) -> str:
    """The whole report for the UI."""
    asked = report.columns[0]
    return "\n\n".join(
        (
            f"## {report.title}",
            *report.notes,
            markdown(figures_table(report)),
            *parameter_lines(report),
            *pictures(report).values(),
            f"### {asked.label}, month by month, %",
            markdown(monthly_table(asked)),
            f"### {trades_title(asked, trades)}",
            markdown(trades_table(asked, trades)),
        )
    )


def write_folder(report: BacktestReport, folder: Path, trades: int) -> list[Path]:
    """report.html with everything in it, and the numbers as metrics.csv, equity.csv and trades.csv."""
    files = {
        "report.html": html_page(report, trades),
        "metrics.csv": pd.DataFrame({column.label: column.figures for column in report.columns}).to_csv(
            index_label="metric"
        ),
        "equity.csv": pd.concat(map(_daily, report.columns)).to_csv(index=False),
        "trades.csv": pd.concat(
            column.trades.assign(label=column.label) for column in report.columns if column.trades is not None
        ).to_csv(index=False),
    }
    return written(folder, files)


def html_page(report: BacktestReport, trades: int) -> str:
    """One file that needs no other."""
    asked = report.columns[0]
    parts = [
        paragraphs([report.card.description, *report.notes]),
        html_table(figures_table(report)),
        paragraphs([*parameter_lines(report), *knowledge_lines(report)]),
        *(image(picture) for picture in pictures(report).values()),
        *(f"<h2>{html.escape(c.label)}, month by month, %</h2>{html_table(monthly_table(c))}" for c in report.columns),
        f"<h2>{html.escape(trades_title(asked, trades))}</h2>{html_table(trades_table(asked, trades))}",
    ]
    return whole_page(report.title, parts)


def _daily(column: Column) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "session": column.sessions.astype("datetime64[s]"),
            "label": column.label,
            "net_return": column.net_return,
            "equity": column.equity,
            "drawdown": column.drawdown,
            "exposure": column.exposure,
        }
    )
