"""What encrypting the hub's traffic with a seat costs: plain TCP, TLS with certificates on both
sides (JupyterHub's internal TLS), and the SSH forward that we use.

    python -m benchmarks.seat_traffic        (as root; about a minute; two namespace hosts)

Each way is tried three times, in turn; one JSON line per way, with medians. `cpu` is the
processor time, in seconds, of all processes on both ends together.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from certipy import Certipy  # type: ignore[import-untyped]

from hub_config.fleet.linking import ensure_links
from hub_config.fleet.placement import ensure_seat_map
from tests.hub_config.fleet.linked_hosts import LinkedHosts, in_network, linked_hosts, until

PLAIN_PORT, TLS_PORT, SEAT_PORT = 7001, 7002, 20000
ROUNDS = 3


@dataclass(frozen=True)
class Way:
    name: str
    host: str
    port: int
    certificates: tuple[str, ...] = ()


def certificates(folder: Path) -> float:
    """A pair and its authority, made as JupyterHub makes them; returns the seconds per pair."""
    authority = Certipy(store_dir=str(folder))
    authority.create_ca("seats-ca")
    began = time.process_time()
    made = authority.create_signed_pair("seat", "seats-ca", alt_names=["DNS:seat"])
    took = time.process_time() - began
    files = made["files"]
    pair = Path(files["key"]).read_text() + Path(files["cert"]).read_text()
    (folder / "pair.pem").write_text(pair)
    (folder / "ca.pem").write_text(Path(files["ca"]).read_text())
    return took


def ends(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "benchmarks.seat_traffic.ends", *arguments)


def serve(hosts: LinkedHosts, *arguments: str) -> psutil.Process:
    command = [*in_network(hosts.seats[0]), *ends("serve", *arguments)]
    program = subprocess.Popen(command, start_new_session=True)
    hosts.programs.append(program)
    return psutil.Process(program.pid)


def carriers(hosts: LinkedHosts) -> list[psutil.Process]:
    """The SSH client on the hub's host, and all that runs on the other one: its SSH server."""
    below = (*(each.pid for each in hosts.programs), hosts.seats[0].machine.process_id)
    return [child for pid in below for child in psutil.Process(pid).children(recursive=True)]


def processor_time(processes: list[psutil.Process]) -> float:
    spent = 0.0
    for each in processes:
        with suppress(psutil.NoSuchProcess):
            times = each.cpu_times()
            spent += times.user + times.system
    return spent


def try_way(hosts: LinkedHosts, way: Way, server: psutil.Process) -> dict[str, float]:
    processes = [server, *carriers(hosts)]
    before = processor_time(processes)
    command = [*in_network(hosts.hub), *ends("ask", way.host, str(way.port), *way.certificates)]
    own = os.times()
    done = subprocess.run(command, capture_output=True, check=True, timeout=100)
    after = os.times()
    client = after.children_user + after.children_system - own.children_user - own.children_system
    found: dict[str, float] = json.loads(done.stdout)
    return found | {"cpu": processor_time(processes) - before + client}


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch, linked_hosts(Path(scratch), 1) as hosts:
        per_pair = certificates(Path(scratch))
        ensure_links(hosts.settings, ensure_seat_map(hosts.settings))
        address = hosts.seats[0].addresses.private
        ways = {
            Way("plain", address, PLAIN_PORT): serve(hosts, str(PLAIN_PORT)),
            Way("tls", address, TLS_PORT, (scratch,)): serve(hosts, str(TLS_PORT), scratch),
            Way("ssh", "127.0.0.1", SEAT_PORT): serve(hosts, str(SEAT_PORT)),
        }
        name = hosts.seats[0].machine.name
        hosts.start_link(name)
        until(lambda: hosts.files.agent(name).exists())
        tries: dict[Way, list[dict[str, float]]] = {way: [] for way in ways}
        for _ in range(ROUNDS):
            for way, server in ways.items():
                tries[way].append(try_way(hosts, way, server))
        for way, found in tries.items():
            medians = {key: statistics.median(each[key] for each in found) for key in found[0]}
            print(json.dumps({"way": way.name} | {k: round(v, 6) for k, v in medians.items()}))
        print(json.dumps({"certificate_cpu_seconds": round(per_pair, 3)}))


if __name__ == "__main__":
    main()
