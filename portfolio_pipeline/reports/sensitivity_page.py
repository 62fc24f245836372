"""A sensitivity report as people see it: a table, a picture with a panel for each parameter, a page of HTML.

The terminal and Dagster's UI show the same table. No figure is computed here.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from portfolio_pipeline.reports.page import cell, html_table, image, markdown, paragraphs, whole_page, written
from portfolio_pipeline.reports.pictures import Panel, panels_picture
from portfolio_pipeline.reports.sensitivity import SensitivityReport


def sensitivity_table(report: SensitivityReport) -> pd.DataFrame:
    """A row for each value of each parameter; `*` is the base, and what is forbidden has no figures."""
    rows, before = [], None
    for one in report.found.rows.itertuples():
        forbidden = np.isnan(one.sharpe)
        rows.append(
            {
                "parameter": one.parameter if one.parameter != before else "",
                "value": f"{one.value}{' *' if one.is_base else ''}",
                "score": "forbidden" if forbidden else cell(one.score, "{:.3f}"),
                "Sharpe": cell(one.sharpe, "{:.2f}"),
                "drawdown": cell(one.max_drawdown, "{:.1%}"),
                "turnover a year": cell(one.turnover, "{:.1f}x"),
                "Sharpe less the base's": "" if forbidden or one.is_base else cell(one.difference, "{:+.2f}"),
                "±": "" if forbidden or one.is_base else cell(one.difference_error, "{:.2f}"),
            }
        )
        before = one.parameter
    return pd.DataFrame(rows)


def notes(report: SensitivityReport) -> list[str]:
    return [
        report.base,
        f"Score: {report.objective}, as the search sees it at {report.last}. The other figures are of all sessions; ±"
        " is the standard error of the difference. `*` is the base.",
        "Every figure is in sample. A base that was chosen by its results stands on a peak of noise, and what is around"
        " it looks worse than it is; a value that is better by less than two errors is not known to be better.",
    ]


def picture(report: SensitivityReport) -> str:
    rows = report.found.rows
    panels = [
        Panel(
            str(name),
            list(one["value"]),
            one["sharpe"].to_numpy(dtype=np.float64),
            one["difference_error"].to_numpy(dtype=np.float64),
            int(np.flatnonzero(one["is_base"])[0]),
        )
        for name, one in rows.groupby("parameter", sort=False)
    ]
    return panels_picture(report.title, "Sharpe ratio, and the standard error of its difference to the base's", panels)


def markdown_page(report: SensitivityReport) -> str:
    """The whole report for the UI."""
    parts = (f"## {report.title}", *notes(report), picture(report), markdown(sensitivity_table(report)))
    return "\n\n".join(parts)


def write_folder(report: SensitivityReport, folder: Path) -> list[Path]:
    """sensitivity.html with everything in it, and the numbers as sensitivity.csv."""
    parts = [paragraphs(notes(report)), image(picture(report)), html_table(sensitivity_table(report))]
    files = {
        "sensitivity.html": whole_page(report.title, parts),
        "sensitivity.csv": report.found.rows.to_csv(index=False),
    }
    return written(folder, files)
