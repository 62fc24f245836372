"""A search on request as people see it: tables of words, two pictures, a page of HTML, files for other tools.

Everything is made from the rows that are kept, so that a request that is shown again looks as it did. The terminal and
Dagster's UI show the same tables. No figure is computed here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from portfolio_pipeline.core.search.surface import surface_of
from portfolio_pipeline.reports.page import cell, html_table, image, markdown, paragraphs, plain, whole_page, written
from portfolio_pipeline.reports.pictures import scatter_picture, surface_picture
from portfolio_pipeline.reports.search_request import SearchReport

_FIGURES = {
    "return": ("Return above cash", "{:+.1%}"),
    "volatility": ("Volatility", "{:.1%}"),
    "sharpe": ("Sharpe", "{:.2f}"),
    "sortino": ("Sortino", "{:.2f}"),
    "calmar": ("Calmar", "{:.2f}"),
    "max_drawdown": ("Worst drawdown", "{:.1%}"),
    "turnover": ("Turnover a year", "{:.1f}x"),
    "hit_rate": ("Days up", "{:.0%}"),
}
SHOWN = 10
_WORDS_OF_CHANCE = 2.0  # standard errors


def figures_table(report: SearchReport) -> pd.DataFrame:
    """A row for each figure; the best set, what the rule would use and the default, searched and held out."""
    trials, row = report.trials, report.row
    best, default = trials.iloc[0], trials[trials["is_default"]].iloc[0]
    table: dict[str, list[str]] = {"": [words for words, _ in _FIGURES.values()]}
    for name, of in (("best set", best), ("would be used", row), ("default", default)):
        for when, column in (("searched", "metrics"), ("held out", "held_out_metrics")):
            if of[column] is not None:
                known = json.loads(of[column])
                table[f"{name}, {when}"] = [cell(known[figure], form) for figure, (_, form) in _FIGURES.items()]
    return pd.DataFrame(table)


def trials_table(report: SearchReport, count: int = SHOWN) -> pd.DataFrame:
    """The best sets, with their shares in what the rule would use, and the default."""
    trials = report.trials
    shown = trials[(trials["rank"] <= count) | (trials["share"] > 0.0) | trials["is_default"]]
    rows = []
    for one in shown.itertuples():
        later = _sharpe(one.held_out_metrics)
        values = json.loads(one.parameters)
        rows.append(
            {
                "rank": f"{one.rank}{' default' if one.is_default else ''}",
                **{name: str(value) for name, value in values.items() if len(report.space[name]) > 1},
                "score": cell(one.score, "{:.3f}"),
                "compared by": cell(one.plateau_score, "{:.3f}"),
                "share": f"{one.share:.1%}" if one.share else "",
                "Sharpe": cell(_sharpe(one.metrics), "{:.2f}"),
                "held out": cell(later, "{:.2f}"),
            }
        )
    return pd.DataFrame(rows)


def notes(report: SearchReport) -> list[str]:
    """What has to be known to read the figures rightly."""
    row = report.row
    said = [
        f"Searched: {row['sessions']:,} sessions, {row['searched_from']} to {row['searched_through']}, by"
        f" {row['objective']}. {row['compared']:,} sets were compared"
        f"{_independent(row['effective_trials'])}. {_worth(row)}"
    ]
    if not row["held_out_sessions"]:
        said.append("Nothing was held out: every figure is of sessions that the sets were chosen by.")
    else:
        said += [
            f"Held out: {row['held_out_sessions']:,} sessions after them, to {row['last']}, which the search did not"
            f" see. {_beside('The best set', row['best_difference'], row['best_difference_error'])}"
            f" {_beside('What the rule would use', row['mixture_difference'], row['mixture_difference_error'])}",
            _order(row["rank_correlation"]),
        ]
    before = report.looked_before
    said.append(
        "What is held out is out of sample once: who asks again until something looks good searches as well, and no"
        " figure here knows of it."
        + (f" Earlier requests about {row['strategy']} that saw some of it: {before}." if before else "")
    )
    return [one for one in said if one]


def chosen_line(report: SearchReport) -> str:
    return f"The rule {report.row['rule']} would use: {report.row['reason']}."


def parameter_line(report: SearchReport) -> str:
    values = json.loads(report.row["parameters"])
    return f"The best set: {', '.join(f'{name}={value}' for name, value in values.items())}."


def request_line(report: SearchReport) -> str:
    return f"Request {report.request}. To see it again: portfolio search --show {report.request}"


def pictures(report: SearchReport) -> dict[str, str]:
    """What was promised and what arrived, and the scores over the two parameters that matter most."""
    trials, drawn = report.trials, {}
    if report.row["held_out_sessions"]:
        marked = {"best set": 0, "default": int(np.flatnonzero(trials["is_default"])[0])}
        drawn["held_out"] = scatter_picture(
            f"{report.title}: every set",
            "Sharpe ratio, searched",
            np.array([_sharpe(one) for one in trials["metrics"]]),
            "Sharpe ratio, held out",
            np.array([_sharpe(one) for one in trials["held_out_metrics"]]),
            marked,
        )
    sets = [json.loads(text) for text in trials["parameters"]]
    found = surface_of(
        {name: tuple(values) for name, values in report.space.items()},
        sets,
        trials["plateau_score"].to_numpy(dtype=np.float64),
        sets[0],
    )
    if found is not None:
        drawn["surface"] = surface_picture(
            f"{report.title}: {report.row['objective']}",
            found.x_name,
            found.x_values,
            found.y_name,
            found.y_values,
            found.scores,
            found.chosen,
        )
    return drawn


def list_table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The requests that are kept, a line for each."""
    lines = [
        {
            "request": row["request"],
            "asked at (UTC)": f"{row['asked_at']:%Y-%m-%d %H:%M}",
            "strategy": row["strategy"],
            "from": str(row["first"]),
            "to": str(row["last"]),
            "objective": row["objective"],
            "sets": f"{row['compared']:,}",
            "Sharpe": cell(_sharpe(row["metrics"]), "{:.2f}"),
            "held out": cell(_sharpe(row["held_out_metrics"]), "{:.2f}"),
        }
        for row in rows
    ]
    return pd.DataFrame(lines)


def markdown_page(report: SearchReport, kept: Sequence[Mapping[str, Any]] = ()) -> str:
    """The whole report for the UI, and which others are kept."""
    return "\n\n".join(
        (
            f"## {report.title}",
            *map(plain, notes(report)),
            markdown(figures_table(report)),
            parameter_line(report),
            plain(chosen_line(report)),
            markdown(trials_table(report)),
            *pictures(report).values(),
            request_line(report),
            *(["### Requests that are kept", plain(markdown(list_table(kept)))] if kept else []),
        )
    )


def write_folder(report: SearchReport, folder: Path) -> list[Path]:
    """search.html with everything in it, and every set as trials.csv."""
    metrics = [pd.json_normalize([json.loads(text) for text in report.trials["metrics"]])]
    if report.row["held_out_sessions"]:
        later = pd.json_normalize([json.loads(text) for text in report.trials["held_out_metrics"]])
        metrics.append(later.add_prefix("held_out_"))
    plain = report.trials.drop(columns=["request", "metrics", "held_out_metrics", "parameters"])
    sets = pd.json_normalize([json.loads(text) for text in report.trials["parameters"]])
    parts = [
        paragraphs(notes(report)),
        html_table(figures_table(report)),
        paragraphs([parameter_line(report), chosen_line(report)]),
        html_table(trials_table(report)),
        *(image(picture) for picture in pictures(report).values()),
        paragraphs([request_line(report)]),
    ]
    files = {
        "search.html": whole_page(report.title, parts),
        "trials.csv": pd.concat([plain, sets, *metrics], axis=1).to_csv(index=False),
    }
    return written(folder, files)


def _sharpe(metrics: str | None) -> float:
    return np.nan if metrics is None else float(json.loads(metrics)["sharpe"])


def _independent(effective: float | None) -> str:
    return "" if effective is None or np.isnan(effective) else f", which amount to {effective:,.0f} independent ones"


def _worth(row: Mapping[str, Any]) -> str:
    if row["deflated_sharpe"] is None or row["overfitting"] is None:
        return "Too few sessions to say what a search among so many is worth."
    return (
        f"That the best set's Sharpe ratio is above zero, and not luck among so many, is {row['deflated_sharpe']:.0%}"
        f" likely; choosing among them would have been overfitting in {row['overfitting']:.0%} of the halves."
    )


def _beside(name: str, difference: float | None, error: float | None) -> str:
    if difference is None or error is None:
        return ""
    if error == 0.0:
        return f"{name} is the default."
    chance = abs(difference) < _WORDS_OF_CHANCE * error
    return (
        f"{name} has there a Sharpe ratio {abs(difference):.2f} ±{error:.2f} {'above' if difference >= 0 else 'below'}"
        f" the default's{', which may be chance' if chance else ''}."
    )


def _order(correlation: float | None) -> str:
    if correlation is None:
        return ""
    return (
        f"The order of the sets by Sharpe ratio, searched and held out, has a rank correlation of {correlation:+.2f}:"
        " 0 is what chance gives, 1 that what was better stayed better."
    )
