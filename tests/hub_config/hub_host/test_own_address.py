"""A rehearsal on the hub host uses the address that people type."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TRY = """
import socket
from hub_config.hub_host.own_address import ensure_own_address
with socket.socket() as server:
    server.bind(("0.0.0.0", 0))
    server.listen()
    where = ("203.0.113.9", server.getsockname()[1])
    try:
        socket.create_connection(where, timeout=2)
    except OSError:
        print("unreachable before")
    print(ensure_own_address("203.0.113.9"), ensure_own_address("203.0.113.9"))
    socket.create_connection(where, timeout=2).close()
    print(ensure_own_address("hub.example.org"), ensure_own_address("127.0.0.1"))
"""


def test_the_public_address_leads_to_the_hub_host_itself() -> None:
    words = ["unshare", "--net", "sh", "-c", 'ip link set lo up; exec "$0" -c "$1"']
    done = subprocess.run(
        [*words, sys.executable, TRY], capture_output=True, text=True, cwd=Path.cwd(), check=False
    )
    assert done.stdout == "unreachable before\nTrue False\nFalse False\n", done.stderr
