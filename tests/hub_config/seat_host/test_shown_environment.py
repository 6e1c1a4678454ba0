"""A forked process shows whose seat it is, no token, and nothing of its parent's environment."""

from __future__ import annotations

import subprocess
import sys

FORKED = """
import os
from pathlib import Path
from hub_config.seat_host.warm.shown_environment import show_environment

shown = Path("/proc/self/environ")
if child := os.fork():
    os.waitpid(child, 0)
    print("of-the-parent" in shown.read_text())
else:
    os.environ.clear()
    os.environ.update({"JUPYTERHUB_USER": "ada", "JUPYTERHUB_API_TOKEN": "secret"})
    show_environment(os.environ)
    own = os.popen("echo $JUPYTERHUB_API_TOKEN").read().strip()
    print(shown.read_text().rstrip(chr(0)), own, flush=True)
    os._exit(0)
"""


def test_a_forked_process_shows_whose_seat_it_is_and_no_token() -> None:
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path), "X": "of-the-parent"}
    command = [sys.executable, "-c", FORKED]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert said.stdout.splitlines() == ["JUPYTERHUB_USER=ada secret", "True"]
