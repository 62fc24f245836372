"""Ranges of sessions that somebody asks for in the web UI: carried out by the daemon, told as one event an asset."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from portfolio_pipeline.core.calendar.sessions import all_sessions, last_closed_session
from portfolio_pipeline_tests.cli.house import small
from portfolio_pipeline_tests.web_ui.served import House, serving

pytestmark = pytest.mark.timeout(400)

SESSIONS = 4
RESEARCH, VIEW = (["prices"], ["features"], ["regimes"]), ["data_quality_summary"]
ASKED = "mutation Ask($asked: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $asked) {"
ASKED += " __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"
STATE = '{ partitionBackfillOrError(backfillId: "ID") { ... on PartitionBackfill { status } } }'
RUNS = "{ runsOrError { ... on Runs { results { id status tags { key value } } } } }"
LOG = '{ logsForRun(runId: "ID", limit: 5000) { ... on EventConnection { events { __typename'
LOG += " ... on MaterializationEvent { assetKey { path } partition } } } } }"
FILLED = '{ assetNodeOrError(assetKey: {path: ["NAME"]}) { ... on AssetNode { partitionStats { numMaterialized } } } }'


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with serving(small(tmp_path_factory.mktemp("ranges") / "home"), "--sessions", str(SESSIONS)) as started:
        yield started


def test_a_backfill_is_one_run_that_fills_every_session_and_then_one_of_the_views_and_each_asset_is_told_once(
    house: House,
) -> None:
    last = last_closed_session(datetime.now(UTC))
    sessions = [str(session) for session in all_sessions() if session <= last][-SESSIONS:]
    before = {run["id"] for run in _runs(house)}
    asked = {
        "assetSelection": [{"path": path} for path in (*RESEARCH, VIEW)],
        "partitionNames": sessions,
        "fromFailure": False,
    }
    launched = _sent(house, ASKED, asked=asked)["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    assert _ended(house, launched["backfillId"]) == "COMPLETED_SUCCESS"

    of_views, run = (run for run in _runs(house) if run["id"] not in before)
    assert (run["status"], of_views["status"]) == ("SUCCESS", "SUCCESS")
    assert {"key": "sessions", "value": f"{sessions[0]} to {sessions[-1]}"} in run["tags"]
    assert _made(house, run) == {(*path, sessions[-1]): 1 for path in RESEARCH}
    assert _made(house, of_views) == {(*VIEW, None): 1}
    for (name,) in RESEARCH:
        stats = house.asks(FILLED.replace("NAME", name))["assetNodeOrError"]["partitionStats"]
        assert stats["numMaterialized"] >= SESSIONS


def _made(house: House, run: dict[str, Any]) -> Counter[tuple[str | None, ...]]:
    """The assets and partitions that a run tells of."""
    events = house.asks(LOG.replace("ID", run["id"]))["logsForRun"]["events"]
    return Counter(
        (*event["assetKey"]["path"], event["partition"])
        for event in events
        if event["__typename"] == "MaterializationEvent"
    )


def _ended(house: House, backfill: str) -> str:
    """How the backfill ended, as the daemon says."""
    deadline = time.monotonic() + 240
    while True:
        found = house.asks(STATE.replace("ID", backfill))["partitionBackfillOrError"]
        status = str(found["status"])
        if status not in ("REQUESTED", "COMPLETED") or time.monotonic() > deadline:
            return status
        time.sleep(1)


def _runs(house: House) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = house.asks(RUNS)["runsOrError"]["results"]
    return runs


def _sent(house: House, query: str, **variables: Any) -> dict[str, Any]:
    body = json.dumps({"query": query, "variables": variables})
    status, text = house.sends("POST", "/graphql", body, content_type="application/json")
    assert status == 200, text
    data: dict[str, Any] = json.loads(text)["data"]
    return data
