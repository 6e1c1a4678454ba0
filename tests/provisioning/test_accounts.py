"""Each seat's account is made once, never taken from another, and leaves nothing behind.

These tests need root. They use accounts of a workshop that no person has.
"""

import grp
import pwd
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioning.accounts import (
    account_name,
    accounts_of,
    ensure_account,
    ensure_no_processes,
    remove_account,
)
from provisioning.errors import AlreadyTaken, StepFailed

WORKSHOP = "accounts-test"
HOME = Path("/nonexistent/zz-ada")
ACCOUNT_FILES = ("passwd", "shadow", "group", "gshadow", "subuid", "subgid")


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    yield
    for account in accounts_of(WORKSHOP):
        remove_account(account.name.removeprefix("ws-"), workshop=WORKSHOP)


def ada():
    return ensure_account("zz-ada", workshop=WORKSHOP, home=HOME)


def account_lines(name: str) -> list[str]:
    """Every line about it in the files of accounts. Others may make accounts meanwhile."""
    files = [Path("/etc", file) for file in ACCOUNT_FILES]
    lines = [line for file in files if file.exists() for line in file.read_text().splitlines()]
    return [line for line in lines if name in line]


def has_group(name: str) -> bool:
    return any(group.gr_name == name for group in grp.getgrall())


def test_an_account_is_made_once(tmp_path: Path) -> None:
    first = ada()

    assert ada() == first
    entry = pwd.getpwnam("ws-zz-ada")
    assert (entry.pw_gecos, entry.pw_dir) == (f"workshop {WORKSHOP}", str(HOME))
    assert entry.pw_shell == "/usr/sbin/nologin"
    assert (first.uid, first.gid) == (entry.pw_uid, entry.pw_gid)
    assert accounts_of(WORKSHOP) == (first,)


def test_nothing_but_the_account_is_made_and_nothing_is_left() -> None:
    assert account_lines("zz-ada") == []
    ada()
    assert account_lines("zz-ada") != []
    assert not HOME.exists()
    assert not Path("/home/ws-zz-ada").exists()
    assert not Path("/var/mail/ws-zz-ada").exists()

    remove_account("zz-ada", workshop=WORKSHOP)
    remove_account("zz-ada", workshop=WORKSHOP)

    assert account_lines("zz-ada") == []
    assert accounts_of(WORKSHOP) == ()


def test_another_workshops_account_is_left_alone() -> None:
    ada()

    with pytest.raises(AlreadyTaken) as caught:
        ensure_account("zz-ada", workshop="other", home=HOME)
    assert caught.value.message == (
        f"the account ws-zz-ada exists and belongs to workshop {WORKSHOP}"
    )
    with pytest.raises(AlreadyTaken):
        remove_account("zz-ada", workshop="other")
    assert len(accounts_of(WORKSHOP)) == 1


def test_a_persons_account_is_left_alone() -> None:
    subprocess.run(["useradd", "--no-create-home", "ws-zz-person"], check=True)
    try:
        with pytest.raises(AlreadyTaken, match="belongs to somebody else"):
            ensure_account("zz-person", workshop=WORKSHOP, home=HOME)
        with pytest.raises(AlreadyTaken):
            remove_account("zz-person", workshop=WORKSHOP)
    finally:
        subprocess.run(["userdel", "ws-zz-person"], check=True)


def test_an_account_without_its_group_is_completed() -> None:
    made = ada()
    _drop_group("ws-zz-ada")

    assert ada() == made
    assert grp.getgrnam("ws-zz-ada").gr_gid == made.gid


def test_a_group_without_its_account_is_used_again_and_removed() -> None:
    subprocess.run(["groupadd", "ws-zz-ada"], check=True)
    assert ada().gid == grp.getgrnam("ws-zz-ada").gr_gid
    remove_account("zz-ada", workshop=WORKSHOP)
    assert not has_group("ws-zz-ada")

    subprocess.run(["groupadd", "ws-zz-ada"], check=True)
    remove_account("zz-ada", workshop=WORKSHOP)
    assert not has_group("ws-zz-ada")


def test_a_moved_home_is_recorded() -> None:
    ada()
    ensure_account("zz-ada", workshop=WORKSHOP, home=Path("/nonexistent/moved"))
    assert pwd.getpwnam("ws-zz-ada").pw_dir == "/nonexistent/moved"


@pytest.mark.parametrize("name", ["", "-rf", "Ada", "a b", "a/../b", "root\n", "a" * 25, "é"])
def test_a_name_from_nowhere_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a username"):
        account_name(name)


def test_all_processes_end_also_those_that_refuse(tmp_path: Path) -> None:
    account = ada()
    stubborn = "trap '' TERM; echo ready; while :; do sleep 0.2; done"
    busy = subprocess.Popen(
        ["sh", "-c", stubborn],
        user=account.uid,
        group=account.gid,
        extra_groups=[],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    bystander = subprocess.Popen(["sleep", "60"])
    assert busy.stdout is not None
    busy.stdout.readline()

    started = time.monotonic()
    ensure_no_processes(account)

    assert time.monotonic() - started < 10
    assert busy.wait(5) == -9
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()
    ensure_no_processes(account)


def test_removing_an_account_ends_its_processes_first() -> None:
    account = ada()
    sleeper = subprocess.Popen(["sleep", "60"], user=account.uid, group=account.gid)

    remove_account("zz-ada", workshop=WORKSHOP)

    assert sleeper.wait(5) == -15
    assert accounts_of(WORKSHOP) == ()


def test_a_class_full_of_accounts_takes_little_time() -> None:
    started = time.monotonic()
    for number in range(50):
        ensure_account(f"zz-{number:03}", workshop=WORKSHOP, home=HOME)

    assert len({account.uid for account in accounts_of(WORKSHOP)}) == 50
    assert time.monotonic() - started < 20


def test_without_root_it_says_so(call_as_nobody) -> None:
    with pytest.raises(StepFailed, match="Permission denied"):
        call_as_nobody(ada)


def _drop_group(name: str) -> None:
    """What is left when useradd is killed before it writes /etc/group."""
    subprocess.run(["groupdel", "--force", name], check=True)
