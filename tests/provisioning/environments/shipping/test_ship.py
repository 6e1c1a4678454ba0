"""Ships to hosts of this machine: who gets what from whom, whatever happens on the way."""

from __future__ import annotations

import _thread
import contextlib
import json
import os
import secrets
import subprocess
import threading
import time
from pathlib import Path

import pytest

from provisioning.environments.manifest import manifest_for
from provisioning.environments.shipping import program
from provisioning.environments.shipping.archive import chunk_bytes
from provisioning.environments.shipping.errors import (
    DamagedArchive,
    HostDiskFull,
    HostUnfit,
    ImportsFail,
    WrongArchitecture,
)
from provisioning.environments.shipping.on_host.tree import listing, tree_sha256
from tests.provisioning.environments.shipping.local_hosts import LocalHost
from tests.provisioning.environments.shipping.tiny_archive import HERE

VERSION = "nlp-0123456789ab"


def states(shipped):
    return {name: each.state for name, each in shipped.outcomes.items()}


def problems(shipped):
    return [str(each.problem) for each in shipped.outcomes.values() if each.problem]


def is_whole(host, archive, version=VERSION):
    prefix = host.environments / version
    return tree_sha256(listing(prefix)) == manifest_for(archive).tree_sha256


def leftovers(host):
    """Names in the folder of environments that are no version and no link to one."""
    return [path.name for path in host.environments.glob(".*") if ".previous" not in path.name]


def test_every_host_uses_it_and_each_byte_leaves_this_machine_once(fleet, pack, send):
    hosts, archive = fleet(5), pack()

    shipped = send(archive, hosts)

    assert problems(shipped) == []
    assert set(states(shipped).values()) == {"installed"}
    assert shipped.fed_bytes == archive.stat().st_size
    for host in hosts.hosts.values():
        assert host.in_use == VERSION
        assert is_whole(host, archive)
        assert leftovers(host) == []
        tool = host.environments / "nlp/bin/tool"
        assert (tool.stat().st_uid, oct(tool.stat().st_mode)) == (0, "0o100755")
        assert oct((host.disk / "incoming").stat().st_mode) == "0o40700"


def test_the_program_for_hosts_is_made_once_and_by_no_host_s_thread(fleet, pack, send, monkeypatch):
    made_by, make = [], program.opening

    def watched():
        made_by.append(threading.current_thread())
        return make()

    monkeypatch.setattr(program, "opening", watched)
    shipped = send(pack(), fleet(3))

    assert problems(shipped) == []
    assert made_by == [threading.main_thread()]


def test_a_second_ship_finds_nothing_to_do(fleet, pack, send):
    hosts, archive = fleet(2), pack()
    send(archive, hosts)

    shipped = send(archive, hosts)

    assert states(shipped) == {"a": "already", "b": "already"}
    assert shipped.fed_bytes == 0


def test_a_new_host_gets_it_from_its_neighbours_and_not_from_here(fleet, pack, send):
    hosts, archive = fleet(3), pack()
    send(archive, hosts, "a", "b")
    hosts.link.pace = 5e5  # the neighbours are faster
    hosts["a"].ready.clear()
    hosts.link.wait_for = [hosts["a"].ready]

    shipped = send(archive, hosts)

    assert states(shipped) == {"a": "already", "b": "already", "c": "installed"}
    assert shipped.fed_bytes < archive.stat().st_size


def test_a_host_that_dies_in_the_middle_costs_only_itself(fleet, pack, send):
    hosts, archive = fleet(5), pack()
    hosts.link.pace = 2e6
    hosts.link.then = (700_000, lambda first: hosts["c"].kill())

    shipped = send(archive, hosts, start=hosts.start_in_order)

    assert shipped.lacking == ("c",)
    assert "ship again" in shipped.outcomes["c"].problem.next_step
    assert shipped.outcomes["d"].sources == ("c", "b")
    assert all(is_whole(hosts[name], archive) for name in "abde")
    assert shipped.fed_bytes == archive.stat().st_size


def test_the_first_host_dies_and_another_one_is_fed_from_here(fleet, pack, send):
    hosts, archive = fleet(3), pack()
    hosts.link.pace = 2e6

    hosts.link.then = (900_000, LocalHost.kill)

    shipped = send(archive, hosts, start=hosts.start_in_order)

    assert shipped.lacking == ("a",)
    assert all(is_whole(hosts[name], archive) for name in "bc")
    assert shipped.outcomes["b"].fed_bytes < archive.stat().st_size  # what it had was kept


def test_a_frozen_host_holds_up_nobody_behind_it(fleet, pack, send):
    hosts, archive = fleet(4), pack()
    hosts.link.pace = 2e6
    hosts.link.then = (700_000, lambda first: hosts["b"].freeze())

    shipped = send(archive, hosts, start=hosts.start_in_order, silence=8)

    assert shipped.lacking == ("b",)
    assert shipped.outcomes["c"].sources == ("b", "a")
    assert all(is_whole(hosts[name], archive) for name in "acd")


def test_hosts_that_cannot_reach_each_other_all_get_it_from_here(fleet, pack, send):
    hosts, archive = fleet(3), pack()

    shipped = send(archive, hosts, reachable=False)

    assert set(states(shipped).values()) == {"installed"}
    assert shipped.fed_bytes == 3 * archive.stat().st_size


def test_a_killed_ship_goes_on_where_it_stopped(fleet, pack, send):
    hosts, archive = fleet(1), pack()
    hosts.link.pace = 2e6
    hosts.link.then = (1_200_000, LocalHost.kill)
    send(archive, hosts)
    assert hosts["a"].in_use is None

    shipped = send(archive, hosts)

    assert states(shipped) == {"a": "installed"}
    assert shipped.fed_bytes < 1_200_000


@pytest.mark.parametrize("moment", [0, 0.07, 0.14, 0.2])
def test_whenever_a_host_dies_while_it_unpacks_only_whole_versions_are_there(
    fleet, pack, send, moment
):
    hosts = fleet(1)
    before, archive = pack(), pack(identity="f" * 12)
    send(before, hosts)

    def kill_at_that_moment(name, done, total, note):
        if note == "unpacking":
            time.sleep(moment)
            hosts["a"].kill()

    send(archive, hosts, progress=kill_at_that_moment)

    new = f"nlp-{'f' * 12}"
    assert is_whole(hosts["a"], before)
    assert hosts["a"].in_use in (VERSION, new)
    if (hosts["a"].environments / new).exists():
        assert is_whole(hosts["a"], archive, new)
    else:
        assert hosts["a"].in_use == VERSION
    assert send(archive, hosts).fed_bytes == 0
    assert hosts["a"].in_use == new
    assert leftovers(hosts["a"]) == []


def test_ctrl_c_ends_the_relays_and_keeps_what_arrived(fleet, pack, send):
    hosts, archive = fleet(2), pack()
    hosts.link.pace = 2e6
    hosts.link.then = (1_000_000, lambda first: _thread.interrupt_main())
    with pytest.raises(KeyboardInterrupt):
        send(archive, hosts)
    end = time.monotonic() + 10
    while any(host.running for host in hosts.hosts.values()):
        assert time.monotonic() < end
        time.sleep(0.01)

    shipped = send(archive, hosts)

    assert shipped.lacking == ()
    assert shipped.fed_bytes < archive.stat().st_size


def test_bytes_that_rot_on_the_disk_come_again_and_only_those(fleet, pack, send):
    hosts, archive = fleet(1), pack()
    send(archive, hosts, install=False)
    (received,) = (hosts["a"].disk / "incoming").iterdir()
    flip(received, at=500_000)

    shipped = send(archive, hosts)

    assert states(shipped) == {"a": "installed"}
    assert shipped.fed_bytes == chunk_bytes(archive.stat().st_size, 1)
    assert is_whole(hosts["a"], archive)


def flip(path, *, at):
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))


@pytest.mark.parametrize("damage", [
    lambda archive: flip(archive, at=1000),
    lambda archive: os.truncate(archive, archive.stat().st_size - 10),
], ids=["flipped byte", "truncated"])  # fmt: skip
def test_a_damaged_archive_leaves_this_machine_in_no_part(fleet, pack, send, damage):
    hosts, archive = fleet(1), pack()
    damage(archive)

    with pytest.raises(DamagedArchive, match="nothing was sent") as refused:
        send(archive, hosts)

    assert "workshop env pack" in refused.value.next_step
    assert list(hosts["a"].disk.iterdir()) == []


def test_an_archive_for_another_processor_is_not_sent(fleet, pack, send):
    other = "linux-aarch64" if HERE == "x86_64" else "linux-64"
    hosts, archive = fleet(1), pack(platform=other)

    shipped = send(archive, hosts)

    assert isinstance(shipped.outcomes["a"].problem, WrongArchitecture)
    assert shipped.fed_bytes == 0
    assert list(hosts["a"].disk.iterdir()) == []


def test_what_does_not_fit_is_not_begun_and_the_environment_in_use_stays(fleet, pack, send):
    hosts = fleet(2)
    size = "size=48m,mode=755"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "disk", hosts["a"].disk], check=True)
    small, large = pack(bulk=100_000), pack(bulk=20_000_000, identity="ffffffffffff")
    send(small, hosts)

    shipped = send(large, hosts)

    problem = shipped.outcomes["a"].problem
    assert isinstance(problem, HostDiskFull)
    assert "MB free" in problem.message
    assert "env prune" in problem.next_step
    assert states(shipped)["b"] == "installed"
    assert hosts["a"].in_use == VERSION
    assert is_whole(hosts["a"], small)


@pytest.mark.parametrize(("others", "when"), [(55, "received"), (45, "unpacked")])
def test_a_disk_that_fills_up_in_the_middle_leaves_nothing_half(fleet, pack, send, others, when):
    hosts = fleet(1)
    size = "size=60m,mode=755"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "disk", hosts["a"].disk], check=True)
    archive = pack(bulk=10_000_000)
    hosts.link.pace = 1e7
    others_file = hosts["a"].disk / "of somebody else"
    hosts.link.then = (3_000_000, lambda host: others_file.write_bytes(bytes(others * 1_000_000)))

    shipped = send(archive, hosts)

    assert isinstance(shipped.outcomes["a"].problem, HostDiskFull)
    assert [path.name for path in hosts["a"].environments.iterdir()] == []


def test_what_cannot_be_imported_there_is_not_used_and_the_package_is_named(fleet, pack, send):
    hosts = fleet(1)
    needs = "raise OSError('libgomp.so.1: cannot open shared object file: No such file')"
    good, bad = pack(), pack(identity="f" * 12, imports=("json", "deep"), modules={"deep": needs})
    send(good, hosts)

    shipped = send(bad, hosts)

    problem = shipped.outcomes["a"].problem
    assert isinstance(problem, ImportsFail)
    assert "import deep: OSError: libgomp.so.1" in problem.message
    assert "apt-get install libgomp1" in problem.next_step
    assert hosts["a"].in_use == VERSION


def test_it_is_used_as_soon_as_the_host_has_what_was_missing(fleet, pack, send):
    hosts = fleet(1)
    code = "open('/proc/self/mounts').read().index('what-was-missing')"
    archive = pack(imports=("deep",), modules={"deep": code})
    assert send(archive, hosts).lacking == ("a",)
    hosts["a"].before = "mount -t tmpfs what-was-missing /mnt"

    shipped = send(archive, hosts)

    assert (shipped.lacking, shipped.fed_bytes) == ((), 0)
    assert hosts["a"].in_use == VERSION


def test_the_version_before_is_remembered_and_the_switch_is_one_step(fleet, pack, send):
    hosts = fleet(1)
    first, second = pack(), pack(identity="ffffffffffff")
    send(first, hosts)

    send(second, hosts)

    host = hosts["a"]
    assert host.in_use == "nlp-ffffffffffff"
    assert str((host.environments / ".nlp.previous").readlink()) == VERSION
    assert is_whole(host, first)
    assert is_whole(host, second, "nlp-ffffffffffff")


@pytest.mark.parametrize(
    "other", [{"identity": "ffffffffffff"}, {"name": "vision"}], ids=["versions", "environments"]
)
def test_two_ships_at_once_share_the_hosts_and_the_port(fleet, pack, send, other):
    hosts = fleet(3)
    hosts.link.pace = 6e6
    archives = [pack(), pack(**other)]
    ended = {}
    threads = [
        threading.Thread(target=lambda a=archive: ended.update({a: send(a, hosts)}))
        for archive in archives
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for archive in archives:
        manifest = manifest_for(archive)
        version = f"{manifest.name}-{manifest.identity}"
        assert set(states(ended[archive]).values()) == {"installed"}
        # By the port, not from here: that's how a ship whose connections got lost would end.
        assert ended[archive].fed_bytes < 2 * archive.stat().st_size
        assert all(is_whole(host, archive, version) for host in hosts.hosts.values())


def test_two_ships_of_the_same_version_take_turns(fleet, pack, send):
    hosts, archive = fleet(1), pack()
    hosts.link.pace = 4e6
    ended = []
    threads = [
        threading.Thread(target=lambda: ended.append(send(archive, hosts))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(each.outcomes["a"].state for each in ended) == ["already", "installed"]


def test_somebody_elses_change_is_repaired_when_asked(fleet, pack, send):
    hosts, archive = fleet(1), pack()
    send(archive, hosts)
    identity = hosts["a"].environments / VERSION / "lib/identity"
    identity.write_text("mine")

    assert states(send(archive, hosts)) == {"a": "already"}
    assert identity.read_text() == "mine"
    shipped = send(archive, hosts, repair=True)

    assert states(shipped) == {"a": "installed"}
    assert shipped.fed_bytes == 0  # the archive was still there
    assert is_whole(hosts["a"], archive)
    assert leftovers(hosts["a"]) == []


def test_a_host_without_python_is_told_apart(fleet, pack, send):
    hosts, archive = fleet(2), pack()
    hosts["a"].before = "mount -t tmpfs none /usr/bin && PATH=/bin:/usr/sbin"

    shipped = send(archive, hosts)

    problem = shipped.outcomes["a"].problem
    assert isinstance(problem, HostUnfit)
    assert "apt-get install python3" in problem.next_step
    assert states(shipped)["b"] == "installed"


def test_outcomes_are_facts_for_programs_too(fleet, pack, send):
    hosts, archive = fleet(2), pack()

    told = json.loads(json.dumps(send(archive, hosts).as_json()))

    assert told["environment"] == VERSION
    assert told["lacking"] == []
    assert told["sent_bytes"] == archive.stat().st_size
    assert sorted(each["state"] for each in told["hosts"].values()) == ["installed"] * 2


def test_the_secret_of_a_ship_is_in_no_argument_environment_or_file(fleet, pack, send, monkeypatch):
    hosts, archive = fleet(2), pack()
    made, seen = [], []
    monkeypatch.setattr(
        secrets, "token_hex", lambda count: made.append(os.urandom(count).hex()) or made[-1]
    )

    def look(host):
        for session in (process.pid for each in hosts.hosts.values() for process in each.running):
            pids = subprocess.run(["pgrep", "-g", str(session)], capture_output=True, text=True)
            for pid in pids.stdout.split():
                with contextlib.suppress(OSError):  # it has ended meanwhile
                    seen.append(Path(f"/proc/{pid}/cmdline").read_bytes())
                    seen.append(Path(f"/proc/{pid}/environ").read_bytes())

    hosts.link.wait_for = [host.taking for host in hosts.hosts.values()]
    hosts.link.pace = 4e6
    hosts.link.then = (900_000, look)

    send(archive, hosts)

    _, secret = made
    files = [p for p in hosts.root.parent.rglob("*") if p.is_file() and not p.is_symlink()]
    seen += [path.read_bytes() for path in files]
    assert len(secret) == 64
    assert len(files) > 10
    assert any(b"on_host.main" in each for each in seen)  # we looked at the relays, too
    assert not any(secret.encode() in each for each in seen)
