"""What eve can reach from inside her seat on a seat host: one promise each, all really tried.

Her seat, ada's beside it, the host's network and another host are real; she runs `attacker.py`
instead of a server. Root tries the same from the host: what it can't reach proves nothing.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hub_config.seat_host.protocol import SeatHostError
from tests.hub_config.seat_host.host_at_work import HostAtWork, host_at_work, until
from tests.hub_config.seat_host.two_networks import (
    HOST,
    INTERNET,
    METADATA,
    OTHER_HOST,
    TwoNetworks,
    two_networks,
)

ATTACKER = Path(__file__).with_name("attacker.py")
SECRET = "ada's diary"
HUB_API, FORMGRADER, SSH, WORLD = 18081, 18082, 18022, 18080
HUB_DATABASE = "hub/jupyterhub.sqlite"


@dataclass(frozen=True)
class Scene:
    """Two seats of one host, and what came of everything that eve tried."""

    host: HostAtWork
    networks: TwoNetworks
    outcome: dict[str, Any]

    def reached_by_root(self, address: str, port: int) -> bool:
        script = f"import socket; socket.create_connection(('{address}', {port}), timeout=3)"
        command = [*self.networks.in_host, sys.executable, "-c", script]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="module")
def scene(hub_prefix: Path) -> Iterator[Scene]:
    with (
        two_networks((HUB_API, FORMGRADER, SSH), WORLD) as networks,
        host_at_work(hub_prefix, (), warm=False, reach=(HUB_API,), inside=networks.in_host) as host,
    ):
        copy = host.folder / "config" / "attacker.py"
        copy.write_text(ATTACKER.read_text())
        for private in (HUB_DATABASE, "course/gradebook.db", "course/source/lab.ipynb"):
            (host.folder / private).parent.mkdir(parents=True, exist_ok=True)
            (host.folder / private).write_text("private")
        ada = start(host, "ada", 1, {})
        (host.settings.homes / "ada" / "diary.txt").write_text(SECRET)
        eve = start(host, "eve", 2, everything(host, ada))
        yield Scene(host, networks, eve)


def start(host: HostAtWork, username: str, number: int, todo: dict[str, Any]) -> dict[str, Any]:
    nothing = {"connect": [], "unix": [], "look": [], "write": [], "kill": [], "become": []}
    told = json.dumps(nothing | todo | {"listen": host.port(number)})
    command = ("/usr/bin/python3", str(host.folder / "config" / "attacker.py"), told)
    host.client.start(host.order(username, number, command=command))
    until(lambda: '"namespace"' in host.log(username) or "Traceback" in host.log(username))
    return json.loads(host.log(username).splitlines()[-1])


def everything(host: HostAtWork, ada: dict[str, Any]) -> dict[str, Any]:
    server = host.client.state("ada").started
    assert server is not None
    folder = host.folder
    return {
        "connect": [
            ("127.0.0.1", HUB_API),
            ("127.0.0.1", FORMGRADER),
            ("127.0.0.1", SSH),
            ("127.0.0.1", host.port(1)),
            (HOST, HUB_API),
            (OTHER_HOST, WORLD),
            (METADATA, WORLD),
            (INTERNET, WORLD),
        ],
        "unix": [str(host.settings.socket)],
        "look": [
            str(host.settings.homes / "ada"),
            str(host.settings.homes / "ada" / "diary.txt"),
            "/home/ada",
            "/home",
            "/tmp",
            "/dev/shm",
            "/run",
            "/etc/shadow",
            f"/proc/{server.pid}/environ",
            str(host.settings.run),
            str(folder / "service.log"),
            *(str(folder / name) for name in (HUB_DATABASE, "course", "course/gradebook.db")),
        ],
        "write": [
            str(host.settings.library / "hub_config" / "__init__.py"),
            "/etc/passwd",
            "/usr/bin/x",
            "/run/workshop/x",
            "/home/eve/x",
        ],
        "kill": [server.pid, 1, 2],
        "become": [0, host.order("ada", 1).uid],
    }


def rules(scene: Scene) -> str:
    """For which accounts there are rules, as nft says it."""
    table = f"workshop_{scene.host.settings.workshop}"
    command = [*scene.networks.in_host, "nft", "list", "set", "inet", table, "seats"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def refused(outcome: object) -> bool:
    return str(outcome).startswith("refused")


def test_another_seats_home_is_not_there(scene: Scene) -> None:
    homes = scene.host.settings.homes
    assert refused(scene.outcome["look"][str(homes / "ada")])
    assert refused(scene.outcome["look"][str(homes / "ada" / "diary.txt")])
    assert refused(scene.outcome["look"]["/home/ada"])
    assert scene.outcome["look"]["/home"] == ["eve"]
    assert SECRET not in json.dumps(scene.outcome)


def test_another_seats_account_alone_keeps_its_home_shut(scene: Scene) -> None:
    home = scene.host.settings.homes / "ada"
    uid = scene.host.order("eve", 2).uid
    as_eve = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "ls", str(home)]
    assert subprocess.run(as_eve, capture_output=True, check=False).returncode != 0


def test_another_seats_server_does_not_answer(scene: Scene) -> None:
    port = scene.host.port(1)
    assert refused(scene.outcome["connect"][f"127.0.0.1:{port}"])
    assert scene.reached_by_root("127.0.0.1", port)


def test_another_seats_processes_and_kernels_are_not_there(scene: Scene) -> None:
    """Kernels listen on sockets in their seat's own /tmp, and are processes of its jail."""
    server = scene.host.client.state("ada").started
    assert server is not None
    assert refused(scene.outcome["look"][f"/proc/{server.pid}/environ"])
    assert refused(scene.outcome["kill"][str(server.pid)])
    assert max(scene.outcome["processes"]) < 100
    assert not [name for name in scene.outcome["look"]["/tmp"] if name.startswith("jupyter")]
    assert scene.outcome["look"]["/dev/shm"] == []


def test_a_kernel_is_started_for_whoever_asks_and_for_nobody_else(scene: Scene) -> None:
    """Linux says who asks; from outside of a seat nobody gets one."""
    assert '"ok":false' in scene.outcome["kernels"]
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(str(scene.host.settings.run / "sockets" / "kernels.sock"))
        link.sendall(b"python\n{}")
        link.shutdown(socket.SHUT_WR)
        assert b"not-a-seat" in link.recv(4096)


def test_ports_of_the_same_host_are_shut_but_for_the_hubs(scene: Scene) -> None:
    assert scene.outcome["connect"][f"127.0.0.1:{HUB_API}"] == "reached"
    for port in (FORMGRADER, SSH):
        assert refused(scene.outcome["connect"][f"127.0.0.1:{port}"])
        assert scene.reached_by_root("127.0.0.1", port)
    assert refused(scene.outcome["connect"][f"{HOST}:{HUB_API}"])
    assert scene.reached_by_root(HOST, HUB_API)


def test_ports_of_other_hosts_are_shut(scene: Scene) -> None:
    assert refused(scene.outcome["connect"][f"{OTHER_HOST}:{WORLD}"])
    assert scene.reached_by_root(OTHER_HOST, WORLD)


def test_the_clouds_metadata_is_out_of_reach(scene: Scene) -> None:
    assert refused(scene.outcome["connect"][f"{METADATA}:{WORLD}"])
    assert scene.reached_by_root(METADATA, WORLD)


def test_the_internet_stays_as_the_host_has_it(scene: Scene) -> None:
    assert scene.outcome["connect"][f"{INTERNET}:{WORLD}"] == "reached"


def test_the_hubs_database_is_not_there(scene: Scene) -> None:
    assert refused(scene.outcome["look"][str(scene.host.folder / HUB_DATABASE)])


def test_the_graders_files_are_not_there(scene: Scene) -> None:
    for name in ("course", "course/gradebook.db"):
        assert refused(scene.outcome["look"][str(scene.host.folder / name)])


def test_the_seats_service_can_not_be_asked(scene: Scene) -> None:
    settings = scene.host.settings
    assert refused(scene.outcome["unix"][str(settings.socket)])
    assert refused(scene.outcome["look"][str(settings.run)])
    assert refused(scene.outcome["look"][str(scene.host.folder / "service.log")])
    assert sorted(scene.outcome["look"]["/run"]) == ["home", "workshop"]


def test_nobody_becomes_root_or_somebody_else_again(scene: Scene) -> None:
    assert all(refused(outcome) for outcome in scene.outcome["become"].values())
    assert refused(scene.outcome["mount"])
    assert refused(scene.outcome["sudo"])
    assert refused(scene.outcome["setuid"])
    match scene.outcome["namespace"]:
        case [shadow, _]:
            assert refused(shadow), "root of a namespace of one's own reads the host's files"
        case outcome:
            assert refused(outcome)


def test_the_jail_can_not_be_ended_or_changed_from_inside(scene: Scene) -> None:
    assert refused(scene.outcome["kill"]["1"])
    assert refused(scene.outcome["kill"]["2"])
    written = scene.outcome["write"]
    assert written.pop("/home/eve/x") == "written"
    assert all(refused(outcome) for outcome in written.values())
    assert scene.host.client.state("eve").running


def test_no_descriptor_of_the_service_is_left_open(scene: Scene) -> None:
    # The fourth is the listing's own.
    assert scene.outcome["open"] == ["0", "1", "2", "3"]


def test_nobody_reads_the_names_of_others(scene: Scene) -> None:
    """Also when the host writes a new /etc/passwd meanwhile, as useradd does."""
    assert "eve:x:" in scene.outcome["names"]
    assert "ada" not in scene.outcome["names"]


def test_without_rules_no_seat_is_started(scene: Scene) -> None:
    """Somebody flushed them: they are put back first. They can't be put back: nobody starts."""
    host = scene.host
    flush = [*scene.networks.in_host, "nft", "flush", "ruleset"]
    subprocess.run(flush, check=True)
    todo = {"connect": [(METADATA, WORLD)]}
    assert refused(start(host, "bob", 3, todo)["connect"][f"{METADATA}:{WORLD}"])


def test_the_rules_hold_while_the_service_is_away_and_after(scene: Scene) -> None:
    host = scene.host
    uid = host.order("eve", 2).uid
    host.end()
    assert str(uid) in rules(scene)
    host.run()
    assert str(uid) in rules(scene)


def test_an_account_of_root_is_never_a_seats(scene: Scene) -> None:
    order = scene.host.order("zoe", 4, uid=0)
    with pytest.raises(SeatHostError) as caught:
        scene.host.client.start(order)
    assert caught.value.kind == "account"
