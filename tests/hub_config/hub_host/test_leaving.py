"""A machine of a list is left as it was: what a class put there goes, what a person has stays."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hub_config.arm_hosts import unit as arm
from hub_config.fleet.link_keys import seat_host_script
from hub_config.grading_hosts import unit as grading
from hub_config.hub_host import seats_unit as seats
from hub_config.hub_host.layout import STATE
from hub_config.hub_host.leaving import leave_machines
from provisioning.fleet import Address
from provisioning.ssh.login import Login
from provisioning.ssh.waiting import wait_until_answers
from tests.cloud.machines.yard import PlainHost, namespace_hosts

NAME = "my-class"
WORK = STATE / NAME
#: What `up` leaves on a host that runs seats, grades, and is an Arm besides.
CLASS = f"""
set -e
for unit in {seats.UNIT} {grading.UNIT} {arm.UNIT} person.service; do
    printf '[Service]\\nExecStart=/usr/bin/sleep 1000\\n' > /etc/systemd/system/$unit
    systemctl enable --now $unit
done
for account in {grading.ACCOUNT} {arm.ACCOUNT} person; do
    useradd --system --no-create-home $account
    setpriv --reuid=$account --clear-groups sleep 1000 > /dev/null 2>&1 &
done
mkdir -p /etc/workshop /run/workshop /var/lib/workshop-grading/keys {arm.FOLDER} {WORK}/homes/ada
echo secret | tee {arm.KEY} {arm.FOLDER}/start /var/lib/workshop-grading/keys/key.pem
echo work > {WORK}/homes/ada/lab.ipynb
mkdir -p /root/.ssh && echo 'ssh-ed25519 AAAA person' > /root/.ssh/authorized_keys
nft add table inet workshop_my_class
nft add table inet person
"""
LOOK = f"""
cd /etc/systemd/system && ls | grep -E "^(workshop|person)"
getent passwd | cut -d: -f1 | grep -E 'workshop|person'
ls -d /etc/workshop /run/workshop /var/lib/workshop-grading {arm.FOLDER} {WORK} 2>/dev/null
cut -d' ' -f3- /root/.ssh/authorized_keys
ls /etc/ssh/sshd_config.d | grep link
nft list tables
ps -eo user:20,args | grep '[s]leep 1000' | cut -d' ' -f1 | sort
true
"""


@pytest.fixture
def host() -> Iterator[PlainHost]:
    with namespace_hosts(1, prefix="left") as (host,):
        host.machine.inside("mkdir -p /opt/workshop")
        yield host


def login_of(host: PlainHost) -> Login:
    """A server of SSH that was told to read its settings again is away for a moment."""
    login = Login(Address(host.addresses.public), host.key_file, (host.host_key,))
    with wait_until_answers(login, seconds=20):
        return login


def test_only_what_is_a_persons_stays(host: PlainHost) -> None:
    host.machine.inside(CLASS)
    host.machine.inside(seat_host_script("ssh-ed25519 BBBB workshop-link"))
    login = login_of(host)
    assert leave_machines({"gpu-01": login}, NAME, keep_work=True) == {}
    persons = ["person.service", "person", str(WORK), "person", "table inet person"]
    assert host.machine.inside(LOOK).split("\n")[:-1] == [*persons, "person", "root"]
    assert host.machine.inside(f"cat {WORK}/homes/ada/lab.ipynb") == "work\n"

    assert leave_machines({"gpu-01": login}, NAME) == {}
    persons.remove(str(WORK))
    assert host.machine.inside(LOOK).split("\n")[:-1] == [*persons, "person", "root"]


def test_a_machine_that_keeps_something_is_named(host: PlainHost) -> None:
    host.machine.inside(f"mkdir -p {WORK}/homes && mount -t tmpfs none {WORK}/homes")
    left = leave_machines({"gpu-01": login_of(host)}, NAME)
    assert str(WORK) in left["gpu-01"].message
