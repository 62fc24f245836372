"""A home is served once at a time, and its log does not grow for ever."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from portfolio_pipeline.core.errors import ConfigurationError
from portfolio_pipeline.web_ui.claim import claimed
from portfolio_pipeline.web_ui.keeper import open_log, write_log

KILLED = """
import os, subprocess, sys
from pathlib import Path
from portfolio_pipeline.web_ui.claim import claimed
with claimed(Path(sys.argv[1]), 3000) as claim:
    subprocess.Popen(["sleep", "2"], pass_fds=(claim,))
    os._exit(9)
"""


def test_a_home_that_is_served_is_refused_with_who_serves_it_where(tmp_path: Path) -> None:
    told = f"WEB_UI_RUNNING: found=process {os.getpid()}, port 3000, home={tmp_path}"
    with claimed(tmp_path, 3000), pytest.raises(ConfigurationError, match=told), claimed(tmp_path, 3001):
        pass


def test_a_home_is_free_again_when_it_is_no_longer_served(tmp_path: Path) -> None:
    for port in (30_000, 80):
        with claimed(tmp_path, port):
            assert (tmp_path / "web_ui.lock").read_text() == f"process {os.getpid()}, port {port}\n"


def test_a_home_is_taken_as_long_as_a_child_that_was_handed_the_claim_lives(tmp_path: Path) -> None:
    with claimed(tmp_path, 3000) as claim:
        handed = os.dup(claim)
    with pytest.raises(ConfigurationError, match="WEB_UI_RUNNING"), claimed(tmp_path, 3000):
        pass
    os.close(handed)
    with claimed(tmp_path, 3000):
        pass


def test_what_a_killed_command_leaves_behind_is_waited_for(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False, timeout=60)
    assert killed.returncode == 9
    begun = time.monotonic()
    with claimed(tmp_path, 3000):
        assert time.monotonic() - begun > 0.5


def test_the_log_is_five_files_of_ten_megabytes_and_keeps_the_newest_lines(tmp_path: Path) -> None:
    output, written = os.pipe()
    writer = threading.Thread(target=write_log, args=(output, open_log(tmp_path)))
    writer.start()
    with os.fdopen(written, "wb") as process:
        for number in range(1_500):
            process.write(b"\x1b[32m%d %s\x1b[0m \xff\n" % (number, b"x" * 40_000))
    writer.join(60)
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["web_ui.log", *(f"web_ui.log.{n}" for n in (1, 2, 3, 4))]
    assert all(file.stat().st_size <= 10_000_000 for file in files)
    newest = files[0].read_text().splitlines()[-1]
    assert newest.startswith("1499 xx")
    assert newest.endswith("x �")
