"""Looking at an environment on a host: what was changed, what it lacks, what can go."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from provisioning.environments.manifest import manifest_for
from provisioning.environments.shipping import program
from provisioning.environments.shipping.diff import EnvironmentDiff
from provisioning.environments.shipping.errors import (
    Drifted,
    ImportsFail,
    NotThere,
    WrongArchitecture,
)
from provisioning.environments.shipping.questions import answer
from provisioning.environments.shipping.ship import ShipOptions, ship
from provisioning.environments.shipping.verify import EVERYTHING, order_of, proof_of
from provisioning.errors import StepFailed
from provisioning.ssh.kept_output import Finished
from tests.provisioning.environments.shipping.local_hosts import Link, LocalFleet, LocalHost
from tests.provisioning.environments.shipping.tiny_archive import Wanted, pack_tiny

VERSION = "nlp-0123456789ab"


def ask(host, verb, order):
    """One question to a local host, as `ask_each` asks it over SSH."""
    with host.start(program.command(verb), 60, Link()) as talk:
        talk.write(program.opening() + json.dumps(order).encode() + b"\n")
        lines = []
        while (line := talk.read_line()) is not None:
            lines.append(line)
        return answer(host.name, Finished(talk.finish().status, b"\n".join(lines), b"", 0))


def look_at(host, archive, look=EVERYTHING):
    manifest = manifest_for(archive)
    return proof_of(host.name, manifest, ask(host, "verify", order_of(manifest, look)))


@pytest.fixture(scope="module")
def top():
    """One folder for all tests here, so that they can share what was shipped once."""
    folder = Path(tempfile.mkdtemp(prefix="workshop-ship-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def original(top):
    """The disk of a host that has the environment, and the archive that it came from."""
    archive = pack_tiny(Wanted(top / "opt/environments"), top)
    (top / "opt").mkdir()
    (top / "original").mkdir()
    host = LocalHost("a", "127.0.0.1", top / "original", top / "opt")
    fleet = LocalFleet(host.root, {"a": host})
    options = ShipOptions(start=fleet.start, seconds=60)
    assert ship(archive, fleet.ship_hosts(reachable=False), options=options).lacking == ()
    return host.disk, archive


@pytest.fixture
def shipped(original, fleet):
    """A host with a copy of that disk, and the archive."""
    disk, archive = original
    host = fleet(1)["a"]
    subprocess.run(["cp", "-a", f"{disk}/.", host.disk], check=True)
    return host, archive


def test_what_was_shipped_is_found_as_it_was_packed(shipped):
    proof = look_at(*shipped)

    assert proof.ok
    assert proof.in_use
    assert proof.versions == (VERSION,)


def test_files_that_were_changed_added_and_removed_are_named(shipped):
    host, archive = shipped
    prefix = host.environments / VERSION
    (prefix / "lib/identity").write_text("changed here")
    (prefix / "lib/odd names/new").write_text("added")
    (prefix / "bin/tool").unlink()

    proof = look_at(host, archive)

    assert (proof.drift.changed, proof.drift.added, proof.drift.removed) == (
        ("lib/identity",),
        ("lib/odd names/new",),
        ("bin/tool",),
    )
    assert isinstance(proof.problem, Drifted)
    assert "1 changed (lib/identity)" in proof.problem.message
    assert "--repair" in proof.problem.next_step
    assert json.loads(json.dumps(proof.as_json()))["drift"]["counts"]["changed"] == 1


@pytest.mark.parametrize("change", ["chmod a-x bin/tool", "ln -sf /bin/sh bin/python"])
def test_a_changed_mode_or_link_is_a_change(shipped, change):
    host, archive = shipped
    subprocess.run(change, shell=True, check=True, cwd=host.environments / VERSION)

    assert len(look_at(host, archive).drift.changed) == 1


def test_a_listing_that_was_changed_with_the_files_hides_nothing(shipped):
    host, archive = shipped
    (host.environments / VERSION / "lib/identity").write_text("changed")
    (host.environments / VERSION / ".tree").write_text("")

    proof = look_at(host, archive)

    assert proof.drift.unknown
    assert isinstance(proof.problem, Drifted)


@pytest.mark.parametrize("change", [
    "chmod o+w lib/identity", "chmod u+s bin/tool", "chown nobody lib/bulk",
])  # fmt: skip
def test_what_others_than_root_could_change_is_found(shipped, change):
    host, archive = shipped
    subprocess.run(change, shell=True, check=True, cwd=host.environments / VERSION)

    proof = look_at(host, archive)

    assert len(proof.loose) == 1
    assert isinstance(proof.problem, Drifted)


def test_a_quick_look_reads_no_file(shipped):
    host, archive = shipped
    (host.environments / VERSION / "lib/identity").write_text("changed here")

    assert look_at(host, archive, look=()).ok


def test_what_is_not_there_or_not_in_use_is_told_apart(shipped, pack, send):
    host, archive = shipped
    other = pack(identity="f" * 12)

    missing = look_at(host, other)
    assert isinstance(missing.problem, NotThere)
    assert f"in use: {VERSION}" in missing.problem.message

    (host.environments / "nlp").unlink()
    idle = look_at(host, archive)
    assert isinstance(idle.problem, NotThere)
    assert "uses nothing" in idle.problem.message


def test_a_library_that_the_host_lacks_is_named_with_its_package(fleet, pack, send):
    hosts = fleet(1)
    code = "if not open('/proc/self/mounts').read().count('the-library'):\n"
    code += "    raise OSError('libGL.so.1: cannot open shared object file: No such file')"
    archive = pack(imports=("deep",), modules={"deep": code})
    hosts["a"].before = "mount -t tmpfs the-library /mnt"
    assert send(archive, hosts).lacking == ()
    hosts["a"].before = ""

    proof = look_at(hosts["a"], archive)

    assert isinstance(proof.problem, ImportsFail)
    assert "apt-get install libgl1" in proof.problem.next_step


def test_a_module_that_ends_the_process_is_named(fleet, pack, send):
    hosts = fleet(1)
    archive = pack(imports=("json", "crash"), modules={"crash": "import os; os.abort()"})

    problem = send(archive, hosts).outcomes["a"].problem

    assert isinstance(problem, ImportsFail)
    assert "import crash: the process ended with status -6" in problem.message


def test_imports_are_tried_without_any_right(fleet, pack, send):
    hosts = fleet(1)
    code = "import os; assert os.getuid() == os.getgid() == 65534 and not os.getgroups()"
    archive = pack(imports=("plain",), modules={"plain": code})

    assert send(archive, hosts).lacking == ()


def facts(**changes):
    seen = {
        "machine": "x86_64", "complete": True, "current": VERSION, "previous": None,
        "versions": [VERSION],
    }  # fmt: skip
    return {**seen, **changes}


def test_an_environment_for_another_processor_is_no_good_there(pack):
    manifest = manifest_for(pack(platform="linux-64"))

    proof = proof_of("arm-01", manifest, facts(machine="aarch64"))

    assert isinstance(proof.problem, WrongArchitecture)


def test_hosts_that_use_different_versions_are_seen_as_such(pack):
    manifest = manifest_for(pack(platform="linux-64"))
    proofs = {
        "gpu-01": proof_of("gpu-01", manifest, facts()),
        "gpu-02": proof_of("gpu-02", manifest, facts(current="nlp-ffffffffffff")),
        "gpu-03": proof_of("gpu-03", manifest, facts(current=None, complete=False)),
        "gpu-04": StepFailed("no answer"),
    }

    seen = EnvironmentDiff(VERSION, proofs)

    assert not seen.same
    assert seen.in_use == {
        VERSION: ("gpu-01",), "nlp-ffffffffffff": ("gpu-02",), "": ("gpu-03",)
    }  # fmt: skip
    assert seen.unknown == ("gpu-04",)
    assert json.loads(json.dumps(seen.as_json()))["in_use"][VERSION] == ["gpu-01"]
    assert EnvironmentDiff(VERSION, {"gpu-01": proofs["gpu-01"]}).same


def prune(host, name="nlp"):
    return ask(host, "prune", {"environments": str(host.root / "environments"), "name": name})


def also_has(host, version):
    """Put another version there, in use from now on, as if it had been shipped."""
    shutil.copytree(host.environments / VERSION, host.environments / version, symlinks=True)
    (host.disk / f"incoming/{version}-linux-64.tar.zst").write_bytes(b"its archive")
    link, previous = host.environments / "nlp", host.environments / ".nlp.previous"
    previous.unlink(missing_ok=True)
    link.rename(previous)
    link.symlink_to(version)


def test_pruning_keeps_the_version_in_use_and_the_one_before(shipped):
    host, _ = shipped
    also_has(host, f"nlp-{'e' * 12}")
    also_has(host, f"nlp-{'f' * 12}")
    (host.environments / "nlp-gpu-0123456789ab").mkdir()

    told = prune(host)

    assert told["removed"] == [VERSION]
    assert {each["version"]: each["why"] for each in told["kept"]} == {
        f"nlp-{'e' * 12}": "the one before",
        f"nlp-{'f' * 12}": "in use",
    }
    names = {path.name for path in host.environments.iterdir()}
    assert names == {
        "nlp", ".nlp.previous", f"nlp-{'e' * 12}", f"nlp-{'f' * 12}", "nlp-gpu-0123456789ab",
    }  # fmt: skip
    assert len(list((host.disk / "incoming").iterdir())) == 2


def test_pruning_takes_away_what_a_killed_ship_left(shipped):
    host, _ = shipped
    half = host.environments / f".nlp-{'d' * 12}.new"
    half.mkdir()
    part = host.disk / f"incoming/nlp-{'d' * 12}-linux-64.tar.zst.part"
    part.write_bytes(b"half")

    assert prune(host)["removed"] == [f"nlp-{'d' * 12}"]

    assert not half.exists()
    assert not part.exists()


def test_a_version_that_a_process_runs_stays(shipped):
    host, _ = shipped
    for identity in ("e" * 12, "f" * 12):
        also_has(host, f"nlp-{identity}")
    shutil.copy2("/bin/sleep", host.environments / VERSION / "bin/sleep")
    run = 'mount --bind "$0" "$1" && exec "$1/environments/$2/bin/sleep" 60'
    user = subprocess.Popen(["unshare", "--mount", "sh", "-c", run, host.disk, host.root, VERSION])
    try:
        until_it_runs(user)
        kept = {each["version"]: each["why"] for each in prune(host)["kept"]}
    finally:
        user.kill()
        user.wait()

    assert kept[VERSION] == f"process {user.pid} runs it"


def until_it_runs(process):
    end = time.monotonic() + 10
    while not Path(f"/proc/{process.pid}/exe").readlink().match("nlp-*/bin/sleep"):
        assert time.monotonic() < end
        time.sleep(0.01)
