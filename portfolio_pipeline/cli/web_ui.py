"""The web UI and the daemon (schedules, sensors, queue), as children of this process until Ctrl-C."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import yaml

from portfolio_pipeline.cli.terminal import say
from portfolio_pipeline.core.errors import ConfigurationError

HOST = "127.0.0.1"
CODE_LOCATION = "portfolio"  # as in workspace.yaml, for those who start Dagster by themselves
_STARTS_WITHIN = 120
_STOPS_WITHIN = 30


def require_free_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise ConfigurationError(
                "PORT_IN_USE",
                found=f"{HOST}:{port}",
                why=error.strerror,
                remedy="Is the web UI running already? If not, choose another with --port.",
            ) from None


def serve(home: Path, port: int) -> None:
    """Start, wait until it answers, and stay until Ctrl-C or a signal; then stop what was started."""
    _carry_over()
    log = home / "web_ui.log"
    command = [
        sys.executable,
        "-m",
        "dagster",
        "dev",
        "-w",
        str(_workspace(home)),
        "-h",
        HOST,
        "-p",
        str(port),
    ]
    # Before the child starts, which would otherwise inherit a Ctrl-C that whoever started this process ignores.
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, lambda *_: _interrupt())
    with log.open("ab") as output:
        # In a session of its own: Ctrl-C reaches this process alone, which then stops the child in order.
        child = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        _wait_until_it_answers(child, port, log)
        say(f"The web UI: http://{HOST}:{port}   (log: {log}; Ctrl-C stops it)", "bold green")
        child.wait()
        raise ConfigurationError("WEB_UI_ENDED", code=child.returncode, remedy=f"Look at {log}.")
    except KeyboardInterrupt:
        say("Stopping the web UI.")
    finally:
        _stop(child)


def _carry_over() -> None:
    """What a home of an earlier version knows of its assets is shown under their keys of today, run or no run."""
    import dagster as dg

    from portfolio_pipeline.dagster_home.carry_over import carry_over_keys

    with dg.DagsterInstance.get() as instance:
        carry_over_keys(instance)


def _workspace(home: Path) -> Path:
    """A workspace.yaml in the home: an installed package has none beside it."""
    module = {"module_name": "portfolio_pipeline.definitions", "location_name": CODE_LOCATION}
    path = home / "workspace.yaml"
    path.write_text(yaml.safe_dump({"load_from": [{"python_module": module}]}), encoding="utf-8")
    return path


def _interrupt() -> None:
    raise KeyboardInterrupt


def _wait_until_it_answers(child: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _STARTS_WITHIN
    while time.monotonic() < deadline and child.poll() is None:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{port}/server_info", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise ConfigurationError("WEB_UI_DID_NOT_START", port=port, remedy=f"Look at the end of {log}.")


def _stop(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is not None:
        return
    child.send_signal(signal.SIGINT)
    try:
        child.wait(_STOPS_WITHIN)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
