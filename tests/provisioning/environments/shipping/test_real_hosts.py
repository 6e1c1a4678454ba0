"""Ships over SSH, to hosts with disks, networks and processes of their own."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioning.environments.manifest import manifest_for
from provisioning.environments.shipping.diff import diff
from provisioning.environments.shipping.errors import Drifted, ImportsFail, NotThere
from provisioning.environments.shipping.hosts import ShipHost
from provisioning.environments.shipping.prune import prune
from provisioning.environments.shipping.ship import ShipOptions, ship
from provisioning.environments.shipping.verify import verify
from provisioning.fleet import Address
from provisioning.ssh.errors import SshError
from provisioning.ssh.login import Login
from tests.cloud.machines import trouble
from tests.cloud.machines.yard import PlainHost, Yard, namespace_hosts
from tests.provisioning.environments.shipping.tiny_archive import Wanted, pack_tiny

ENVIRONMENTS = Path("/opt/workshop/environments")
SECONDS = 60


@pytest.fixture(scope="module")
def hosts() -> Iterator[dict[str, PlainHost]]:
    with Yard() as yard:
        # A megabyte is half a second: time enough to break something in the middle.
        yard.network.narrow_controller(16)
        with namespace_hosts(4, yard=yard, prefix="ship") as ready:
            yield {host.machine.wish.name: host for host in ready}


@pytest.fixture
def pack(tmp_path):
    def make(**options):
        return pack_tiny(Wanted(ENVIRONMENTS, **options), tmp_path)

    return make


def ship_hosts(hosts):
    return {name: ShipHost(login(host), host.addresses.private) for name, host in hosts.items()}


def login(host):
    # A host that was off has another public address.
    address = Address(host.machine.addresses.public)
    return Login(address, host.key_file, (host.host_key,))


def logins(hosts):
    return {name: login(host) for name, host in hosts.items()}


def test_shipped_verified_changed_found_repaired_and_pruned(hosts, pack):
    archive = pack(name="journey", bulk=300_000)
    manifest = manifest_for(archive)

    assert ship(archive, ship_hosts(hosts)).lacking == ()
    assert all(proof.ok for proof in verify(manifest, logins(hosts), seconds=SECONDS).values())
    (same,) = diff([manifest], logins(hosts), seconds=SECONDS)
    assert same.same

    hosts["ship-02"].machine.inside(f"echo mine >> {manifest.prefix}/lib/identity")
    (other,) = diff([manifest], logins(hosts), seconds=SECONDS)
    assert other.drifted == ("ship-02",)
    assert isinstance(other.proofs["ship-02"].problem, Drifted)

    options = ShipOptions(seconds=SECONDS, repair=True)
    assert ship(archive, ship_hosts(hosts), options=options).lacking == ()
    assert all(proof.ok for proof in verify(manifest, logins(hosts), seconds=SECONDS).values())
    pruned = prune("journey", logins(hosts), seconds=SECONDS)
    assert {each.removed for each in pruned.values()} == {()}


@pytest.mark.parametrize("how", ["power cut", "packets vanish"])
def test_a_host_lost_in_the_middle_costs_itself_and_is_continued_later(hosts, pack, how):
    name = how.replace(" ", "-")
    archive = pack(name=name, bulk=3_000_000)
    lost = hosts["ship-03"].machine
    trouble.narrow(lost, 4)  # three megabytes are six seconds, so the middle is long
    breaking = threading.Thread(target=break_in_the_middle, args=(lost, name, how))
    breaking.start()

    shipped = ship(archive, ship_hosts(hosts), options=ShipOptions(seconds=SECONDS, silence=8))

    breaking.join()
    assert shipped.lacking == ("ship-03",)
    assert isinstance(shipped.outcomes["ship-03"].problem, SshError)
    mend(lost, how)
    manifest = manifest_for(archive)
    unfinished = verify(manifest, {"ship-03": login(hosts["ship-03"])}, seconds=SECONDS)
    assert isinstance(unfinished["ship-03"].problem, NotThere)

    again = ship(archive, ship_hosts(hosts), options=ShipOptions(seconds=SECONDS))

    assert again.outcomes["ship-03"].state == "installed"
    assert {each.state for each in again.outcomes.values()} == {"installed", "already"}
    assert all(proof.ok for proof in verify(manifest, logins(hosts), seconds=SECONDS).values())


def break_in_the_middle(machine, name, how):
    """When part of the archive is there, and not all of it."""
    incoming = machine.network.folder / f"{machine.wish.name}/disk/upper/opt/workshop/incoming"
    end = time.monotonic() + 30
    while sum(part.stat().st_blocks * 512 for part in incoming.glob(f"{name}-*.part")) < 300_000:
        assert time.monotonic() < end
        time.sleep(0.02)
    trouble.kill(machine) if how == "power cut" else trouble.drop(machine)


def mend(machine, how):
    if how == "power cut":
        machine.power_on()
        machine.wait("up", seconds=30)
    else:
        trouble.heal(machine)
        trouble.widen(machine)


def test_a_library_of_the_system_that_is_missing_is_named_with_its_package(hosts, pack):
    code = "import ctypes; ctypes.CDLL('libgomp.so.1')"
    archive = pack(name="deep", bulk=1000, imports=("deep",), modules={"deep": code})

    shipped = ship(archive, ship_hosts(hosts))

    for name, outcome in shipped.outcomes.items():
        assert isinstance(outcome.problem, ImportsFail)
        assert f"on {name}: apt-get install libgomp1" in outcome.problem.next_step
