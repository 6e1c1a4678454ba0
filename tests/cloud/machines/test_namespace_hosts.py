"""Namespace hosts are hosts: own disk, key, processes and network, and they can break."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from provisioning.ssh.errors import ConnectionLost, HostKeyChanged
from tests.cloud.machines import trouble
from tests.cloud.machines.network import FOLDERS, Network
from tests.cloud.machines.yard import namespace_hosts


def until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def said(connection, command):
    return connection.run(command, seconds=60).stdout.decode().strip()


def press(connection, command):
    """Ask for power off or a reboot; the line may be cut before the answer is here."""
    with suppress(ConnectionLost):
        connection.run(command, seconds=10, check=False)


def test_a_host_answers_ssh_with_a_key_and_a_name_of_its_own(pair, log_in):
    first, second = pair

    with log_in(first) as connection:
        assert said(connection, "hostname; id -un") == f"{first.machine.wish.name}\nroot"
        assert connection.run("id -un", seconds=10, root=False).stdout == b"ubuntu\n"
        assert said(connection, "stat -c %U /etc/sudoers.d; cat /proc/1/comm") == "root\npython3.11"
    assert first.host_key != second.host_key


def test_processes_and_files_of_one_host_are_not_there_for_another(pair, log_in):
    first, second = pair
    with log_in(first) as one, log_in(second) as other:
        said(one, "echo here > /opt/file; sleep 60 > /dev/null 2>&1 &")

        assert said(other, "ls /opt; pgrep sleep || true") == ""


def test_hosts_reach_each_other_by_both_addresses_and_we_only_by_the_public_one(pair, log_in):
    first, second = pair
    with log_in(first) as connection:
        for address in (second.addresses.private, second.addresses.public):
            banner = f"exec 3<>/dev/tcp/{address}/22; head -c 7 <&3"
            assert said(connection, f"bash -c '{banner}'") == "SSH-2.0"

    with pytest.raises(OSError):
        socket.create_connection((second.addresses.private, 22), timeout=1)


def test_a_killed_host_is_silent_and_comes_back_elsewhere_with_its_disk(pair, log_in):
    host, _ = pair
    with log_in(host) as connection:
        said(connection, "echo kept > /opt/kept")
    before = host.machine.addresses

    trouble.kill(host.machine)

    assert host.machine.state == "off"
    with pytest.raises(TimeoutError):  # and not "connection refused" or "no route"
        socket.create_connection((before.public, 22), timeout=0.5)
    host.machine.power_on()
    host.machine.wait("up", seconds=60)
    assert host.machine.addresses.private == before.private
    assert host.machine.addresses.public != before.public
    with log_in(host) as connection:
        assert said(connection, "cat /opt/kept") == "kept"
    assert host.machine.host_key == host.host_key


def test_a_reboot_from_inside_keeps_addresses_and_disk_and_is_a_new_boot(pair, log_in):
    host, _ = pair
    boot_id = "cat /proc/sys/kernel/random/boot_id"
    with log_in(host) as connection:
        before = said(connection, f"{boot_id}; echo kept > /opt/rebooted")
        first_boot, addresses = host.machine.process_id, host.machine.addresses
        press(connection, "reboot")

    until(lambda: host.machine.process_id != first_boot)  # each boot is a process of its own
    host.machine.wait("up", seconds=60)

    assert host.machine.addresses == addresses
    with log_in(host) as connection:
        assert said(connection, "cat /opt/rebooted") == "kept"
        assert said(connection, boot_id) != before


@pytest.mark.parametrize("command", ["shutdown -h now", "poweroff", "systemctl poweroff"])
def test_a_host_powers_itself_off(pair, log_in, command):
    host, _ = pair
    with log_in(host) as connection:
        press(connection, command)

    host.machine.wait("off", seconds=60)

    host.machine.power_on()
    host.machine.wait("up", seconds=60)


def test_dropped_packets_vanish_both_ways_until_the_link_is_healed(pair, log_in):
    host, _ = pair
    trouble.drop(host.machine)
    try:
        with pytest.raises(TimeoutError):
            socket.create_connection((host.machine.addresses.public, 22), timeout=0.5)
    finally:
        trouble.heal(host.machine)

    with log_in(host) as connection:
        assert said(connection, "echo back") == "back"


def test_a_lossy_link_loses_some_packets_and_not_all(pair):
    host, _ = pair

    def arrived():
        """Datagrams that came in, for a port where nobody listens."""
        lines = host.machine.inside("grep ^Udp: /proc/net/snmp").splitlines()
        names, values = (line.split() for line in lines)
        return int(values[names.index("NoPorts")])

    before = arrived()
    trouble.lose(host.machine, 50)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(400):
                sender.sendto(b"x", (host.machine.addresses.public, 9999))
    finally:
        trouble.heal(host.machine)

    assert 100 < arrived() - before < 300


def test_a_frozen_sshd_accepts_a_connection_and_says_nothing(pair, log_in):
    host, _ = pair
    trouble.freeze_sshd(host.machine)
    try:
        with socket.create_connection((host.machine.addresses.public, 22), timeout=2) as silent:
            silent.settimeout(0.3)
            with pytest.raises(TimeoutError):
                silent.recv(1)
    finally:
        trouble.thaw_sshd(host.machine)
    with log_in(host) as connection:
        assert said(connection, "echo back") == "back"


def test_a_stopped_sshd_refuses_connections(pair):
    host, _ = pair
    trouble.stop_sshd(host.machine)
    try:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((host.machine.addresses.public, 22), timeout=2)
    finally:
        trouble.start_sshd(host.machine)


def test_a_changed_host_key_is_another_key(pair, log_in):
    host, _ = pair
    before = host.machine.host_key

    after = trouble.change_host_key(host.machine)

    assert after != before
    with log_in(host) as connection:
        assert said(connection, "echo in") == "in"
    with pytest.raises(HostKeyChanged):
        log_in(host, host_key=before)


def test_a_narrow_link_is_narrow_both_ways(pair, log_in):
    host, _ = pair
    megabytes = 3
    trouble.narrow(host.machine, 20)
    try:
        with log_in(host) as connection:
            began = time.monotonic()
            connection.run("cat > /dev/null", seconds=30, stdin=bytes(megabytes << 20))
            up = time.monotonic() - began
            began = time.monotonic()
            connection.run(f"head -c {megabytes << 20} /dev/zero", seconds=30, keep=8 << 20)
            down = time.monotonic() - began
    finally:
        trouble.widen(host.machine)

    fastest = megabytes * 8 / 20
    assert min(up, down) > fastest * 0.8  # a burst goes through at full speed
    assert max(up, down) < fastest * 4


def test_a_full_disk_says_so_and_only_on_its_host(yard, log_in):
    with namespace_hosts(1, yard=yard, disk_mb=16, prefix="small") as (host,):
        trouble.fill_disk(host.machine)
        with log_in(host) as connection:
            full = connection.run("head -c 100000 /dev/zero > /opt/more", seconds=10, check=False)
        trouble.empty_disk(host.machine)

        assert b"No space left" in full.stderr
        assert "small" not in str(list(Path("/opt").iterdir()))
        host.machine.throw_away()


def test_networks_of_one_machine_have_nothing_in_common(yard):
    other = Network()
    try:
        assert other.number != yard.network.number
        assert other.controller != yard.network.controller
    finally:
        other.close()
    assert not other.folder.exists()


KILLED = """
import sys, time
from tests.cloud.machines.yard import namespace_hosts
with namespace_hosts(2) as hosts:
    print(hosts[0].machine.network.number, *(host.machine.process_id for host in hosts), flush=True)
    time.sleep(60)
"""


def test_hosts_end_with_a_killed_test_run_and_the_next_network_clears_the_rest():
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert process.stdout
    with process.stdout:
        number, *hosts = (int(word) for word in process.stdout.readline().split())
    folder = os.open(FOLDERS / str(number), os.O_RDONLY)
    links = links_of(number)
    assert links
    process.send_signal(signal.SIGKILL)
    process.wait()

    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in hosts))
    Network().close()

    # Another run may clear the number before us, and take it.
    until(lambda: not is_folder_of(number, folder))
    until(lambda: not links & links_of(number))
    os.close(folder)


def is_folder_of(number, folder):
    """Whether this open folder is the one; while it is open, no other gets its inode."""
    try:
        return os.path.samestat(os.fstat(folder), (FOLDERS / str(number)).stat())
    except FileNotFoundError:
        return False


def links_of(number):
    """The indexes of its links, which no later link gets."""
    return {index for index, name in socket.if_nameindex() if re.match(rf"ws{number}[a-z]", name)}
