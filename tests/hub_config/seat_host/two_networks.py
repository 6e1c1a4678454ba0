"""A seat host's network and the world's, joined by a cable: both real, both of this test alone.

In the world are another seat host (10.99.0.2) and a cloud's metadata (169.254.169.254), with
listeners that answer anybody.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

HOST = "10.99.0.1"
OTHER_HOST = "10.99.0.2"
METADATA = "169.254.169.254"
#: A documentation address, standing for the internet.
INTERNET = "203.0.113.7"

_LISTEN = """
import socket, sys, threading
def serve(listener):
    while True:
        link, _ = listener.accept()
        link.sendall(b"reached")
        link.close()
places = (each.rpartition(":") for each in sys.argv[1:])
listeners = [socket.create_server((at, int(port)), backlog=64) for at, _, port in places]
for each in listeners:
    threading.Thread(target=serve, args=(each,)).start()
print("listening", flush=True)
"""


@dataclass(frozen=True)
class TwoNetworks:
    host: str
    world: str

    @property
    def in_host(self) -> tuple[str, ...]:
        """What to put before a command that shall run in the seat host's network."""
        return ("ip", "netns", "exec", self.host)


@contextmanager
def two_networks(host_ports: tuple[int, ...], world_port: int) -> Iterator[TwoNetworks]:
    """`host_ports` answer on the host's loopback, `world_port` at every address of the world."""
    number = os.getpid()
    networks = TwoNetworks(f"wsh{number}", f"wsw{number}")
    listeners: list[subprocess.Popen[str]] = []
    _forget_killed_runs()
    try:
        _make(networks)
        here = [f"127.0.0.1:{port}" for port in host_ports] + [f"{HOST}:{host_ports[0]}"]
        there = [f"{address}:{world_port}" for address in (OTHER_HOST, METADATA, INTERNET)]
        for network, places in ((networks.host, here), (networks.world, there)):
            listeners.append(_listen(network, places))
        yield networks
    finally:
        for listener in listeners:
            listener.kill()
            listener.communicate()
        for network in (networks.host, networks.world):
            with suppress(subprocess.CalledProcessError):
                _ip("netns", "delete", network)


def _forget_killed_runs() -> None:
    """A test run that was killed leaves its networks behind, named by its process."""
    for name in Path("/run/netns").glob("ws[hw][0-9]*"):
        if not Path("/proc", name.name[3:]).exists():
            _ip("netns", "delete", name.name)


def _make(networks: TwoNetworks) -> None:
    for network in (networks.host, networks.world):
        _ip("netns", "add", network)
        _ip("-n", network, "link", "set", "lo", "up")
    _ip(
        *("link", "add", "eth0", "netns", networks.host, "type", "veth"),
        *("peer", "name", "eth0", "netns", networks.world),
    )
    _ip("-n", networks.host, "address", "add", f"{HOST}/24", "dev", "eth0")
    for address in (f"{OTHER_HOST}/24", f"{METADATA}/32", f"{INTERNET}/32"):
        _ip("-n", networks.world, "address", "add", address, "dev", "eth0")
    for network in (networks.host, networks.world):
        _ip("-n", network, "link", "set", "eth0", "up")
    _ip("-n", networks.host, "route", "add", "default", "via", OTHER_HOST)


def _listen(network: str, places: list[str]) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        ["ip", "netns", "exec", network, sys.executable, "-c", _LISTEN, *places],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "listening\n"
    return process


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
