"""No credential and no private key gets anywhere where others could read it."""

from __future__ import annotations

import base64
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from provisioning.paths import StatePaths
from tests.cloud.cloud import Cloud
from tests.cloud.machines.namespace_host import NamespaceHost
from tests.cloud.machines.namespaces import NamespaceMachines
from tests.provisioning.watched_command import MARK

ROOT = Path(__file__).parents[2]
NAME = "fleet-secrets"
SPEC = f"""
name: {NAME}
course: {ROOT}/coursework/nlp
track: first-look
seats: 4
hosts:
  provider: ec2
  region: us-east-1
  access: 198.18.0.0/15
  hours: 2
  hub: {{environments: []}}
  gpu: {{count: 1, types: [g4dn.xlarge], environments: []}}
"""


@dataclass
class Watched:
    """A workshop that was brought up, and everything that was seen while it was."""

    folder: Path
    cloud: Cloud
    machines: NamespaceMachines
    output: str = ""
    #: Private keys as the files and the user-data had them; they may be gone since.
    keys: set[str] = field(default_factory=set)

    @property
    def state(self) -> Path:
        return StatePaths(self.folder / "state", NAME).fleet

    def workshop(self, *words: str) -> None:
        command = [sys.executable, "-m", "tests.provisioning.watched_command", self.notes]
        done = subprocess.run(
            [*command, "-f", str(self.folder / "workshop.yaml"), *words],
            cwd=ROOT,
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self.output += done.stdout
        assert done.returncode == 0, done.stdout

    @property
    def notes(self) -> str:
        return str(self.folder / "notes")

    @property
    def environment(self) -> dict[str, str]:
        return {**self.cloud.environment(), "WORKSHOP_STATE": str(self.folder / "state")}

    def noted(self, what: str) -> list[Any]:
        lines = Path(self.notes).read_text(encoding="utf-8").splitlines()
        return [value for kind, value in map(json.loads, lines) if kind == what]

    def user_data(self) -> list[str]:
        calls = [one.call for one in self.cloud.calls.of("RunInstances") if not one.call.dry]
        return [base64.b64decode(call.get("UserData")).decode() for call in calls]

    def bootstrap_keys(self) -> list[str]:
        return [yaml.safe_load(text)["ssh_keys"]["ed25519_private"] for text in self.user_data()]

    def secrets(self) -> set[str]:
        """Pieces that give a secret away: lines of private keys, the AWS secret."""
        lines = {line for key in self.keys for line in key.split()[4:-4] if len(line) > 20}
        # All keys of a kind begin with the same line, which tells nothing.
        unknown = {line for line in lines if not line.startswith("b3BlbnNzaC1rZXktdjEA")}
        return unknown | {self.environment["AWS_SECRET_ACCESS_KEY"]}

    def host(self, name: str) -> NamespaceHost:
        running = [one for one in self.cloud.instances() if one.state == "running"]
        tags = {one.id: {tag["key"]: tag["value"] for tag in one.get_tags()} for one in running}
        return next(
            self.machines.host(id_) for id_, tag in tags.items() if tag["workshop:host"] == name
        )


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A hub and a GPU host that were made, with hosts that are hosts."""
    folder = tmp_path_factory.mktemp("secrets")
    (folder / "workshop.yaml").write_text(SPEC)
    machines = NamespaceMachines()
    with Cloud(machines=machines) as cloud:
        watched = Watched(folder, cloud, machines)
        watched.workshop("up", "--yes")
        watched.keys = {(watched.state / "key").read_text(), *watched.bootstrap_keys()}
        yield watched


def gives_away(text: str, secrets: set[str]) -> bool:
    return "PRIVATE KEY" in text or any(secret in text for secret in secrets)


def test_every_host_got_a_key_of_its_own(watched: Watched) -> None:
    """What the other tests look for exists: two machines, and the key that logs in."""
    assert len(watched.user_data()) == 2
    assert len(watched.keys) == 3
    assert len(watched.secrets()) > 6
    assert all(gives_away(key, set()) for key in watched.keys)
    assert all(gives_away(text.replace("PRIVATE", ""), watched.secrets()) for text in watched.keys)


def test_no_process_has_a_secret_among_its_arguments(watched: Watched) -> None:
    started = watched.noted("process")
    assert [MARK] in started
    assert not [argv for argv in started if gives_away(" ".join(argv), watched.secrets())]


def test_what_is_printed_and_logged_holds_no_secret(watched: Watched) -> None:
    log = Path(f"{watched.notes}.log").read_text(encoding="utf-8")
    assert "gpu-01" in watched.output
    assert not gives_away(watched.output + log, watched.secrets())


def test_journal_and_records_hold_no_secret(watched: Watched) -> None:
    kept = {path.name for path in watched.state.iterdir()}
    assert {"journal.jsonl", "key", "host-keys.json"} <= kept
    for path in watched.state.iterdir():
        if path.name != "key":
            assert not gives_away(path.read_text(encoding="utf-8"), watched.secrets()), path


def test_nobody_else_can_read_the_state(watched: Watched) -> None:
    assert stat.S_IMODE(watched.state.stat().st_mode) == 0o700
    for path in watched.state.iterdir():
        wanted = 0o644 if path.name == "key.pub" else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path


def test_no_other_file_that_was_written_holds_a_secret(watched: Watched) -> None:
    written = {Path(path) for path in watched.noted("file")}
    assert watched.state / "journal.jsonl" in written
    others = [path for path in written if watched.state not in path.parents and path.is_file()]
    for path in others:
        text = path.read_text(encoding="utf-8", errors="replace")
        assert not gives_away(text, watched.secrets()), path


def test_a_private_key_is_never_readable_by_others_not_even_half_written(
    watched: Watched,
) -> None:
    """Files that are written elsewhere and moved would have had the mode that the umask left."""
    written = {Path(path) for path in watched.noted("file")}
    drafts = [path for path in written if path.name.startswith((".key", ".host-keys"))]
    assert drafts
    assert {path.parent for path in drafts} == {watched.state}


def test_user_data_holds_the_key_for_the_first_contact_and_no_other_secret(
    watched: Watched,
) -> None:
    login = (watched.state / "key").read_text()
    for text, bootstrap in zip(watched.user_data(), watched.bootstrap_keys(), strict=True):
        rest = text
        for line in bootstrap.splitlines():
            rest = rest.replace(line, "")
        assert not gives_away(rest, watched.secrets())
        assert login.splitlines()[2] not in text


def test_no_other_call_to_aws_carries_a_secret(watched: Watched) -> None:
    for one in watched.cloud.calls:
        told = {key: value for key, value in one.call.parameters.items() if key != "UserData"}
        assert not gives_away(json.dumps(told, default=str), watched.secrets()), one.action


def test_the_key_from_user_data_is_worth_nothing_once_a_host_is_ready(watched: Watched) -> None:
    remembered = json.loads((watched.state / "host-keys.json").read_text())
    assert set(remembered) == {"hub/1", "gpu-01/1"}
    bootstrap = {key.splitlines()[2] for key in watched.bootstrap_keys()}
    for name, keys in (("hub", remembered["hub/1"]), ("gpu-01", remembered["gpu-01/1"])):
        host = watched.host(name)
        shown = host.inside("cat /etc/ssh/ssh_host_*key /etc/ssh/*key 2>/dev/null || true")
        assert "PRIVATE KEY" in shown
        assert not [line for line in bootstrap if line in shown]
        assert host.inside("ssh-keyscan -t ed25519 127.0.0.1 2>/dev/null").split()[2] in str(keys)


def test_after_down_no_secret_stays_here(watched: Watched) -> None:
    watched.workshop("down", "--yes")
    assert watched.cloud.inventory() == ()
    assert [path.name for path in watched.state.iterdir()] == ["journal.jsonl"]
    for path in watched.folder.rglob("*"):
        if path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            assert not gives_away(text, watched.secrets()), path
