"""Links between real hosts: what is reachable through them, and that they come back."""

from __future__ import annotations

import shlex
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import psutil
import pytest

from hub_config.fleet.linking import ensure_links
from hub_config.fleet.links import ALIVE_SECONDS
from hub_config.fleet.placement import ensure_seat_map
from hub_config.fleet.reseating import move_to, seat_latecomers, unseat
from hub_config.fleet.silence import REACH_SECONDS
from tests.cloud.machines import trouble
from tests.hub_config.fleet.linked_hosts import HUB_PORT, LinkedHosts, linked_hosts, until

#: Says a word of its own to each who connects, on a port or at a Unix socket, then echoes.
ANSWER = """
import os, socket, sys, threading
where, word = sys.argv[1:]
if where.isdigit():
    server = socket.create_server(("127.0.0.1", int(where)))
else:
    os.makedirs(os.path.dirname(where), exist_ok=True)
    server = socket.socket(socket.AF_UNIX)
    server.bind(where)
    server.listen()
def serve(client):
    client.sendall(word.encode())
    while said := client.recv(100):
        client.sendall(said)
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
"""
#: Prints that word, then sends what it is told and prints what comes back.
ASK = """
import socket, sys
where = sys.argv[1]
kind, address = (socket.AF_UNIX, where)
if where.isdigit():
    kind, address = socket.AF_INET, ("127.0.0.1", int(where))
client = socket.socket(kind)
client.settimeout(5)
client.connect(address)
print(client.recv(100).decode(), flush=True)
for line in sys.stdin:
    client.sendall(line.encode())
    print(client.recv(100).decode().strip(), flush=True)
"""


@dataclass
class Class:
    """Ann, bob and whoever comes later; `links` are the clients by the name of their host."""

    hosts: LinkedHosts
    links: dict[str, subprocess.Popen[bytes]]

    def asked(self, where: object) -> str:
        """What answers at a port or socket of the hub's host; "" when nobody does."""
        return self.hosts.said_at_hub(f"python3 -c '{ASK}' {where} < /dev/null")

    def host_of(self, username: str) -> str:
        return ensure_seat_map(self.hosts.settings).of(username).host

    def talk(self, port: int) -> subprocess.Popen[str]:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        talk = self.hosts.on_hub("python3", "-c", ASK, str(port), **pipes)
        talk.stdout.readline()
        return talk


def echoed(talk: subprocess.Popen[str]) -> str:
    talk.stdin.write("still there?\n")
    talk.stdin.flush()
    return talk.stdout.readline().strip()


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Class]:
    """Two hosts; ann sits on one, bob on the other; on each the ports of three seats answer."""
    with linked_hosts(tmp_path_factory.mktemp("f"), 2) as hosts:
        ensure_links(hosts.settings, ensure_seat_map(hosts.settings))
        for host in hosts.seats:
            host.machine.inside(f"cat > /answer.py <<'END'\n{ANSWER}\nEND")
            host.machine.inside(f"cat > /ask.py <<'END'\n{ASK}\nEND")
            for where in (20000, 20001, 20002, "/run/workshop/seats.sock"):
                run = f"setsid python3 /answer.py {where} {host.machine.name}"
                host.machine.inside(f"{run} > /dev/null 2>&1 < /dev/null &")
        hosts.on_hub("python3", "-c", ANSWER, str(HUB_PORT), "hub")
        links = {host.machine.name: hosts.start_link(host.machine.name) for host in hosts.seats}
        room = Class(hosts, links)
        for name in links:
            until(lambda name=name: room.asked(hosts.files.agent(name)) == name)
        for host in hosts.seats:
            for port in (20000, 20001, 20002):
                until(lambda host=host, port=port: f":{port} " in host.machine.inside("ss -Htln"))
        until(lambda: room.asked(HUB_PORT) == "hub")
        yield room


def test_the_hub_reaches_each_seat_and_its_host_and_seats_reach_the_hub(room: Class) -> None:
    assert {room.host_of("ann"), room.host_of("bob")} == set(room.links)
    assert room.asked(20000) == room.host_of("ann")
    assert room.asked(20001) == room.host_of("bob")
    for host in room.hosts.seats:
        assert host.machine.inside(f"python3 /ask.py {HUB_PORT} < /dev/null").strip() == "hub"


def test_nothing_but_ssh_listens_on_a_network(room: Class) -> None:
    for host in (room.hosts.hub, *room.hosts.seats):
        listening = {row.split()[3] for row in host.machine.inside("ss -Htln").splitlines()}
        open_to_others = {each for each in listening if not each.startswith("127.0.0.1:")}
        assert {each.rpartition(":")[2] for each in open_to_others} <= {"22"}, listening


def test_a_latecomers_port_is_added_without_breaking_an_open_connection(room: Class) -> None:
    talk, restarted = room.talk(20000), []
    seat_latecomers(room.hosts.settings, restarted.append, attendees=("cat",))
    try:
        assert room.asked(20002) in room.links
        unseat(room.hosts.settings, restarted.append, ("cat",))
        assert room.asked(20002) == ""
        assert echoed(talk) == "still there?"
        assert restarted == []
    finally:
        room.hosts.end(talk)


def clients(room: Class, name: str) -> list[psutil.Process]:
    """The ssh that runs below a link's loop, if one does at this moment."""
    below = psutil.Process(room.links[name].pid).children(recursive=True)
    return [each for each in below if each.name() == "ssh"]


def test_a_link_that_is_killed_comes_back_by_itself(room: Class) -> None:
    name = room.host_of("ann")
    (client,) = clients(room, name)
    client.kill()
    client.wait(5)
    until(lambda: room.asked(20000) == name)
    assert room.asked(room.hosts.files.agent(name)) == name
    (again,) = clients(room, name)
    assert again != client


def test_seats_that_move_are_reached_at_the_same_port_on_their_new_host(room: Class) -> None:
    lost, spare = room.host_of("ann"), room.host_of("bob")
    restarted: list[str] = []
    move_to(room.hosts.settings, restarted.append, lost, spare)
    assert room.asked(20000) == spare
    assert restarted == []


#: On the hub's host: whether a host answers, for how many seconds that took; or its service anew.
REACH = """
import asyncio, sys, time
from pathlib import Path
from hub_config.fleet.silence import is_reached, restart_service
from hub_config.settings import HubSettings
verb, file, host = sys.argv[1:]
settings = HubSettings.model_validate_json(Path(file).read_text())
began = time.monotonic()
if verb == "reach":
    print(asyncio.run(is_reached(settings, host)), round(time.monotonic() - began))
else:
    restart_service(settings, host)
"""
UNIT = "/etc/systemd/system/workshop-seats.service"


def reach(room: Class, host: str, verb: str = "reach") -> list[str]:
    settings = room.hosts.settings
    file = settings.hub_folder / "settings.json"
    file.write_text(settings.model_dump_json())
    python = f"PYTHONPATH={settings.library} {settings.hub_python}"
    return room.hosts.said_at_hub(f"{python} -c '{REACH}' {verb} {file} {host}").split()


def test_a_host_that_answers_is_told_from_one_that_is_gone(room: Class) -> None:
    host = room.host_of("bob")
    machine, config = room.hosts.host(host).machine, room.hosts.files.config(host)
    until(lambda: reach(room, host)[:1] == ["True"])
    # It is not ssh that gives up.
    written = config.read_text()
    config.write_text(written.replace(f"ConnectTimeout {ALIVE_SECONDS}", "ConnectTimeout 60"))
    assert config.read_text() != written
    trouble.drop(machine)
    try:
        answer, seconds = reach(room, host)
    finally:
        trouble.heal(machine)
        config.write_text(written)
    assert (answer, int(seconds) <= REACH_SECONDS + 1) == ("False", True)


def test_a_service_that_hangs_is_started_anew_with_systemd_and_without(room: Class) -> None:
    host = room.host_of("bob")
    inside = room.hosts.host(host).machine.inside
    inside(f"printf '[Service]\\nExecStart=/usr/bin/sleep 1000\\n' > {UNIT}")
    inside("systemctl start workshop-seats.service")
    before = inside("cat /run/units/workshop-seats.service")
    inside(f"kill -STOP {before}")
    reach(room, host, "restart")
    assert inside("systemctl is-active workshop-seats.service").strip() == "active"
    assert inside("cat /run/units/workshop-seats.service") != before

    service = f"{room.hosts.settings.hub_python} -m hub_config.seat_host.service"
    loop = f"while :; do (exec -a '{service} --settings x' sleep 1001); sleep 0.1; done"
    running = f"pgrep -f '^{service} '"
    inside("rmdir /run/systemd/system")
    inside(f"setsid bash -c {shlex.quote(loop)} > /dev/null 2>&1 < /dev/null &")
    until(lambda: inside(f"{running} || true"))
    before = inside(running)
    inside(f"kill -STOP {before}")
    reach(room, host, "restart")
    until(lambda: inside(f"{running} || true") not in ("", before))
    inside("mkdir /run/systemd/system")


def test_a_host_that_shows_another_key_is_not_talked_to(room: Class) -> None:
    first, second = room.hosts.settings.seat_hosts
    swapped = (
        first.model_copy(update={"host_key": second.host_key}),
        second,
    )
    settings = room.hosts.settings.model_copy(update={"seat_hosts": swapped})
    assert ensure_links(settings, ensure_seat_map(settings)) == (f"link-{first.name}",)
    link = room.links[first.name]
    room.hosts.end(link)
    again = room.hosts.start_link(first.name)
    try:
        command = f"ssh -F {room.hosts.files.config(first.name)} {first.name} true 2>&1"
        assert "Host key verification failed" in room.hosts.said_at_hub(f"{command}; true")
        assert room.asked(room.hosts.files.agent(first.name)) == ""
    finally:
        again.send_signal(signal.SIGKILL)
