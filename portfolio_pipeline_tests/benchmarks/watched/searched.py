"""After all sessions: whether a secret stands anywhere that somebody could read it, in any form.

In the home, in what was said, in what was alerted, in the answers of the web UI, in the list of processes, in messages
about keys and passwords that are wrong. Not here: which forms there are (`secret_forms`).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from portfolio_pipeline_tests.benchmarks.watched.house import PASSWORD, RUNS, WatchedHouse
from portfolio_pipeline_tests.secret_forms import contents, found_in

_LOGS = """query($run: ID!, $cursor: String) { logsForRun(runId: $run, afterCursor: $cursor, limit: 1000) {
    ... on EventConnection { cursor hasMore events { __typename
        ... on MessageEvent { message stepKey eventType }
        ... on ErrorEvent { error { message stack } }
        ... on MaterializationEvent { metadataEntries { ...told } }
        ... on AssetCheckEvaluationEvent { evaluation { description metadataEntries { ...told } } } } } } }
    fragment told on MetadataEntry { label description ... on TextMetadataEntry { text }
        ... on MarkdownMetadataEntry { mdStr } ... on JsonMetadataEntry { jsonString }
        ... on UrlMetadataEntry { url } }"""
_CONFIG = """query($run: ID!) { runOrError(runId: $run) { ... on Run { runConfigYaml tags { key value } } } }"""
_REST = """{ instance { info } version
    utilizedEnvVarsOrError(repositorySelector: SELECTOR) { ... on EnvVarWithConsumersList { results { envVarName } } }
    allTopLevelResourceDetailsOrError(repositorySelector: SELECTOR) { ... on ResourceDetailsList { results { name
        description configFields { name description defaultValueAsJson } configuredValues { key value } } } }
    repositoryOrError(repositorySelector: SELECTOR) { ... on Repository { jobs { name description } } }
    locationStatusesOrError { ... on WorkspaceLocationStatusEntries { entries { name loadStatus } } } }"""
_SELECTOR = '{repositoryLocationName: "portfolio", repositoryName: "__repository__"}'


@contextmanager
def processes_seen() -> Iterator[set[bytes]]:
    """The command lines of all processes that there are meanwhile, children of runs among them."""
    seen: set[bytes] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.25):
            for line in Path("/proc").glob("[0-9]*/cmdline"):
                with suppress(OSError):
                    seen.add(line.read_bytes())

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        yield seen
    finally:
        over.set()
        looking.join()


def found_anywhere(house: WatchedHouse, processes: set[bytes]) -> tuple[dict[str, set[str]], int, int]:
    """Where which forms of a secret stand, the house's own among them; how many places were looked at, and bytes."""
    own = (house.home / "secret").read_bytes()
    found: dict[str, set[str]] = {}
    places = size = 0
    for place, content in _everything(house, processes):
        places, size = places + 1, size + len(content)
        if forms := found_in(content, [*house.secrets, *([own] if place != "secret" else [])]):
            found[place] = forms
    return found, places, size


def _everything(house: WatchedHouse, processes: set[bytes]) -> Iterator[tuple[str, bytes]]:
    yield from contents(house.home)
    for said in house.said:
        yield said.name, said.read_bytes()
    yield "alerts", json.dumps(house.hook.taken).encode()
    yield "command lines", b"\n".join(processes)
    for name, text in _answers(house):
        yield name, text.encode()
    for name, text in _refusals(house):
        yield name, text.encode()


def _answers(house: WatchedHouse) -> Iterator[tuple[str, str]]:
    """What the web UI tells of runs, their events and configuration, and of itself."""
    yield "web UI", json.dumps(house.asks(_REST.replace("SELECTOR", _SELECTOR)))
    runs = house.asks(RUNS, tags=[])["runsOrError"]["results"]
    yield "web UI: runs", json.dumps(runs)
    for run in runs:
        name, cursor = run["runId"], None
        yield f"web UI: configuration of {name}", json.dumps(house.asks(_CONFIG, run=name))
        while True:
            told = house.asks(_LOGS, run=name, cursor=cursor)["logsForRun"]
            yield f"web UI: events of {name}", json.dumps(told)
            cursor = told["cursor"]
            if not told["hasMore"]:
                break
    yield "web UI: ticks", json.dumps(list(house.ticks(0)))


def _refusals(house: WatchedHouse) -> Iterator[tuple[str, str]]:
    """What is said of keys that are refused, and of a database that cannot be had."""
    others = {
        "keys refused": {"ALPACA_API_KEY": house.broker.key, "ALPACA_SECRET_KEY": PASSWORD},
        "keys of the other mode": {"ALPACA_API_KEY": f"AK{house.broker.key[2:]}"},
        "keys with an odd letter": {"ALPACA_SECRET_KEY": f"{PASSWORD}\n"},
        "no broker": {"ALPACA_BASE_URL": f"http://{house.broker.key}:{PASSWORD}@127.0.0.1:9"},
        "a database without an answer": {"DATABASE_URL": f"postgresql://me:{PASSWORD}@127.0.0.1:9/portfolio"},
        "a database's password with odd letters": {"DATABASE_URL": f"postgresql://me:a@/{PASSWORD}@127.0.0.1:9/x"},
        "a recipient that is none": {"ALERT_URL_PHONE": f"nothing://me:{PASSWORD}@127.0.0.1:9"},
    }
    for name, otherwise in others.items():
        for command in (("doctor",), ("status",), ("run",), ("alerts", "test")):
            _, said = house.does(*command, **otherwise)
            yield f"{name}: portfolio {' '.join(command)}", said
