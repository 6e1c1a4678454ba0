import stat
import threading
from pathlib import Path

import pytest

from provisioning.fleet_state import FleetState, StateDamaged
from provisioning.ssh.keys import new_key_pair


@pytest.fixture
def state(tmp_path: Path) -> FleetState:
    return FleetState(tmp_path / "nlp" / "fleet")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_asking_makes_nothing(state: FleetState) -> None:
    assert state.host_keys("gpu-01", 1) == ()
    assert state.pinned("gpu-01", 1) is None
    assert not state.bootstrap_forgotten("gpu-01", 1)
    assert not state.folder.exists()


def test_only_the_owner_can_read_what_is_kept(state: FleetState) -> None:
    state.ensure_key()
    state.uid()
    state.ensure_bootstrap("gpu-01", 1)
    assert mode(state.folder) == 0o700
    assert mode(state.key_file) == mode(state.uid_file) == mode(state.host_keys_file) == 0o600


def test_a_folder_that_was_open_is_closed(state: FleetState) -> None:
    state.folder.mkdir(parents=True, mode=0o755)
    state.uid()
    assert mode(state.folder) == 0o700


def test_keys_and_id_stay_the_same(state: FleetState) -> None:
    again = FleetState(state.folder)
    assert state.uid() == again.uid()
    assert state.ensure_key() == again.ensure_key()
    assert state.ensure_bootstrap("gpu-01", 1) == again.ensure_bootstrap("gpu-01", 1)


def test_every_folder_and_every_attempt_has_its_own(state: FleetState, tmp_path: Path) -> None:
    other = FleetState(tmp_path / "other")
    assert state.uid() != other.uid()
    assert state.ensure_key() != other.ensure_key()
    first, second = (state.ensure_bootstrap("gpu-01", attempt) for attempt in (1, 2))
    assert first != second


def test_a_host_is_known_by_its_bootstrap_key_then_by_both_then_by_its_own(
    state: FleetState,
) -> None:
    bootstrap = state.ensure_bootstrap("gpu-01", 1).public
    own = new_key_pair("root@gpu-01").public
    assert state.host_keys("gpu-01", 1) == (bootstrap,)
    state.pin("gpu-01", 1, own)
    line = " ".join(own.split()[:2])
    assert state.host_keys("gpu-01", 1) == (bootstrap, line)
    assert not state.bootstrap_forgotten("gpu-01", 1)
    state.forget_bootstrap("gpu-01", 1)
    assert state.host_keys("gpu-01", 1) == (line,)
    assert state.bootstrap_forgotten("gpu-01", 1)
    assert state.pinned("gpu-01", 1) == line


def test_the_bootstrap_secret_is_gone_from_the_disk(state: FleetState) -> None:
    private = state.ensure_bootstrap("gpu-01", 1).private.splitlines()[1]
    assert private in state.host_keys_file.read_text()
    state.pin("gpu-01", 1, new_key_pair("").public)
    state.forget_bootstrap("gpu-01", 1)
    assert [path for path in state.folder.iterdir() if private in path.read_text()] == []


def test_a_host_without_a_key_of_its_own_keeps_the_bootstrap_one(state: FleetState) -> None:
    state.ensure_bootstrap("gpu-01", 1)
    with pytest.raises(ValueError, match="no pinned key"):
        state.forget_bootstrap("gpu-01", 1)
    assert len(state.host_keys("gpu-01", 1)) == 1


@pytest.mark.parametrize(
    "line", ["", "ssh-rsa AAAAB3NzaC1yc2E=", "ssh-ed25519", "ssh-ed25519 not base64!", "a\nb c"]
)
def test_only_an_ed25519_line_can_be_pinned(state: FleetState, line: str) -> None:
    with pytest.raises(ValueError, match="not a public ed25519 key"):
        state.pin("gpu-01", 1, line)


def test_a_replaced_hosts_keys_are_forgotten_and_no_others(state: FleetState) -> None:
    for place, attempt in (("gpu-01", 1), ("gpu-01", 2), ("gpu-01", 3), ("gpu-011", 1)):
        state.ensure_bootstrap(place, attempt)
    state.forget_attempts("gpu-01", up_to=2)
    assert state.host_keys("gpu-01", 1) == state.host_keys("gpu-01", 2) == ()
    assert state.host_keys("gpu-01", 3)
    assert state.host_keys("gpu-011", 1)


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '"x"'])
def test_a_damaged_file_is_said_and_kept(state: FleetState, content: str) -> None:
    state.ensure_folder()
    state.host_keys_file.write_text(content)
    with pytest.raises(StateDamaged, match="not what we wrote"):
        state.host_keys("gpu-01", 1)
    with pytest.raises(StateDamaged):
        state.ensure_bootstrap("gpu-01", 1)
    assert state.host_keys_file.read_text() == content


def test_threads_lose_no_key(state: FleetState) -> None:
    names = [f"gpu-{number:02}" for number in range(12)]
    threads = [threading.Thread(target=state.ensure_bootstrap, args=(name, 1)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(state.host_keys(name, 1) for name in names)


def test_private_halves_are_not_shown(state: FleetState) -> None:
    assert "PRIVATE" not in repr(state.ensure_bootstrap("gpu-01", 1))


def test_many_bootstrap_keys_are_one_write_and_stay(state: FleetState) -> None:
    first = state.ensure_bootstrap("gpu-01", 1)
    inode = state.host_keys_file.stat().st_ino
    state.ensure_bootstraps([("gpu-01", 1)])
    assert state.host_keys_file.stat().st_ino == inode  # nothing new, so nothing written
    state.ensure_bootstraps([("gpu-01", 1), ("gpu-02", 1), ("gpu-03", 1)])
    assert state.ensure_bootstrap("gpu-01", 1) == first
    assert all(state.host_keys(f"gpu-0{number}", 1) for number in (2, 3))
