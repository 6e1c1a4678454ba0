"""A home on another host is the last copy, and whatever was there is never overwritten."""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from typing import Any

import pytest

from hub_config.backup import restoring
from hub_config.backup.copying import CopyOrder
from hub_config.backup.listing import Limits
from hub_config.backup.restoring import Restored, ensure_restored
from tests.hub_config.backup.conftest import ADA, Class


def elsewhere(ada: Class, place: str) -> Class:
    """The same seat on another host."""
    homes = ada.seat.homes.parents[1] / place / "homes"
    return Class(replace(ada.seat, host=place, homes=homes), ada.shelf)


def bring(seat: Class) -> Restored:
    return ensure_restored(CopyOrder(seat.seat, seat.shelf, Limits(10**8), 20))


def test_a_lost_hosts_home_goes_on_elsewhere_and_its_copies_too(ada: Class) -> None:
    ada.write("sums/sums.ipynb", "{}")
    ada.copy()
    spare = elsewhere(ada, "spare-01")
    restored = bring(spare)
    assert restored.outcome == "restored"
    assert ada.shelf.newest is not None
    assert restored.at == ada.shelf.newest.about.at
    work = spare.home / "sums" / "sums.ipynb"
    assert (work.read_text(), work.stat().st_uid) == ("{}", ADA.uid)
    assert spare.home.stat().st_mode & 0o777 == 0o700
    # Again, after she has worked: nothing happens to what is newer.
    spare.write("sums/sums.ipynb", "newer")
    assert bring(spare).outcome == "there"
    assert work.read_text() == "newer"
    assert spare.copy().changed
    assert (ada.copied() / "sums" / "sums.ipynb").read_text() == "newer"
    # The first host was only away, and gets her seat back: its old home is set aside.
    assert bring(ada).outcome == "restored"
    assert (ada.home / "sums" / "sums.ipynb").read_text() == "newer"
    (aside,) = ada.seat.homes.glob(".ada.aside-*")
    assert (aside / "sums" / "sums.ipynb").read_text() == "{}"


def test_without_a_copy_nothing_is_done(ada: Class) -> None:
    assert bring(ada) == Restored("nothing")


def test_an_empty_home_that_a_host_made_gives_way(ada: Class) -> None:
    ada.write("notes.txt", "42")
    ada.copy()
    spare = elsewhere(ada, "spare-01")
    spare.home.mkdir(parents=True)
    assert bring(spare).outcome == "restored"
    assert (spare.home / "notes.txt").read_text() == "42"
    assert list(spare.seat.homes.glob(".*")) == []


def test_what_a_killed_try_still_does_on_the_host_spoils_no_later_one(
    ada: Class, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada.write("notes.txt", "42")
    ada.copy()
    spare = elsewhere(ada, "spare-01")
    bring_files = restoring._bring

    def beside_a_late_command(*order: Any) -> int:
        status = bring_files(*order)
        spare.seat.make_room("20200101T090000.000000Z")
        return status

    monkeypatch.setattr(restoring, "_bring", beside_a_late_command)
    assert bring(spare).outcome == "restored"
    assert (spare.home / "notes.txt").read_text() == "42"
    # The folder that it made goes with the next one that is brought there.
    monkeypatch.undo()
    shutil.rmtree(spare.home)
    assert bring(spare).outcome == "restored"
    assert list(spare.seat.homes.glob(".ada.incoming*")) == []


KILLED = """
import pickle, sys
from hub_config.backup.restoring import ensure_restored
ensure_restored(pickle.load(sys.stdin.buffer))
"""


def test_killed_while_it_is_brought_the_next_try_completes_it(ada: Class) -> None:
    for number in range(20):
        ada.write(f"lab/{number}.ipynb", os.urandom(50_000))
    ada.copy()
    spare = elsewhere(ada, "spare-01")
    order = pickle.dumps(CopyOrder(spare.seat, spare.shelf, Limits(10**8), 20))
    for begun in (lambda: time.sleep(0.5), lambda: wait_for_files(spare)):
        with subprocess.Popen([sys.executable, "-c", KILLED], stdin=subprocess.PIPE) as process:
            assert process.stdin is not None
            process.stdin.write(order)
            process.stdin.close()
            begun()
            process.send_signal(signal.SIGKILL)
    assert bring(spare).outcome in ("there", "restored")
    found = {path.name: path.read_bytes() for path in (spare.home / "lab").iterdir()}
    assert found == {path.name: path.read_bytes() for path in (ada.home / "lab").iterdir()}


def wait_for_files(spare: Class) -> None:
    """Until it is being brought, or is there already."""
    deadline = time.monotonic() + 20
    places = (".ada.incoming-*/*", ".ada.incoming-*/.*", "ada")
    while not any(any(spare.seat.homes.glob(place)) for place in places):
        assert time.monotonic() < deadline
        time.sleep(0.005)
