"""The web UI and the daemon (schedules, sensors, queue), kept by a child of this process until Ctrl-C.

What is started, and who may speak to it, is in the room `web_ui`.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

from portfolio_pipeline.cli.interruption import raise_at_signals
from portfolio_pipeline.cli.terminal import say
from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.web_ui.claim import address
from portfolio_pipeline.web_ui.guard import Door, in_an_address
from portfolio_pipeline.web_ui.keeper import LOG

LOOPBACK = "127.0.0.1"
TOKEN = "PORTFOLIO_UI_TOKEN"
_STARTS_WITHIN = 180
_STOPS_WITHIN = 30


def require_safe(door: Door) -> None:
    """From other machines it is reached by those alone who know a token."""
    if door.token is None and not _is_loopback(door.host):
        raise ConfigurationError(
            "WEB_UI_OPEN_TO_ALL",
            found=door.host,
            remedy=f"Whoever reaches this address could trade: set {TOKEN} to a long secret, which people then log in"
            f" with, or leave the UI on {LOOPBACK}.",
        )


def require_free_port(door: Door) -> None:
    try:
        family, _, _, _, bound = socket.getaddrinfo(door.host, door.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(bound)
    except OSError as error:
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            raise ConfigurationError(
                "PORT_IN_USE",
                found=f"{in_an_address(door.host)}:{door.port}",
                why=error.strerror,
                remedy="Is the web UI running already? If not, choose another with --port.",
            ) from None
        raise ConfigurationError(
            "HOST_UNKNOWN", found=door.host, why=error.strerror, remedy="Give --host an address of this machine."
        ) from None


def serve(home: Path, door: Door, claimed: int) -> None:
    """Start, wait until it answers, and stay until Ctrl-C or a signal; then stop what was started."""
    _carry_over()
    raise_at_signals()
    keeper = subprocess.Popen(
        [sys.executable, "-m", "portfolio_pipeline.web_ui.keeper", str(home), str(claimed), *_of_server(door)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if name != TOKEN},
        pass_fds=(claimed,),
        # In a session of its own: Ctrl-C reaches this process alone, which then has the others stopped in order.
        start_new_session=True,
    )
    try:
        assert keeper.stdin is not None
        keeper.stdin.write(f"{door.token or ''}\n".encode())
        keeper.stdin.flush()
        _wait_until_it_answers(keeper, door, home / LOG)
        told = " Read-only." if door.read_only else ""
        say(
            f"The web UI: http://{in_an_address(door.host)}:{door.port}{told}   (log: {home / LOG}; Ctrl-C stops it)",
            "bold green",
        )
        keeper.wait()
        raise ConfigurationError("WEB_UI_ENDED", remedy=f"The end of {home / LOG} says why.")
    except KeyboardInterrupt:
        with suppress(OSError):  # the terminal may be gone
            say("Stopping the web UI and the daemon. A run at work there ends too; what it stored is kept.")
    finally:
        _stop(keeper)


def _carry_over() -> None:
    """What a home of an earlier version knows of its assets is shown under their keys of today, run or no run."""
    import dagster as dg

    from portfolio_pipeline.dagster_home.carry_over import carry_over_keys

    with dg.DagsterInstance.get() as instance:
        carry_over_keys(instance)


def _of_server(door: Door) -> list[str]:
    also = [f"--also={name}" for name in door.also]
    return [f"--host={door.host}", f"--port={door.port}", *also, *(["--read-only"] if door.read_only else [])]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _wait_until_it_answers(keeper: subprocess.Popen[bytes], door: Door, log: Path) -> None:
    asked = f"{address(door.host, door.port)}/server_info"
    deadline = time.monotonic() + _STARTS_WITHIN
    while time.monotonic() < deadline and keeper.poll() is None:
        try:
            with urllib.request.urlopen(asked, timeout=5):
                return
        except urllib.error.HTTPError:
            return  # it asks for the token
        except OSError:
            time.sleep(0.2)
    raise ConfigurationError("WEB_UI_DID_NOT_START", port=door.port, remedy=f"The end of {log} says why.")


def _stop(keeper: subprocess.Popen[bytes]) -> None:
    for again in (signal.SIGINT, signal.SIGTERM):
        signal.signal(again, signal.SIG_IGN)
    assert keeper.stdin is not None
    with suppress(OSError):
        keeper.stdin.close()
    with suppress(subprocess.TimeoutExpired):
        keeper.wait(_STOPS_WITHIN)
    with suppress(ProcessLookupError):
        os.killpg(keeper.pid, signal.SIGKILL)  # also those that a killed keeper leaves
    keeper.wait()
