"""A real workshop on this machine for the benchmark, brought up and taken down by its commands."""

from __future__ import annotations

import pwd
import shutil
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from cli import Session
from hub_config.course_desk import CourseDesk
from hub_config.install import free_ports, write_if_changed
from hub_config.rehearsal.rehearse import running_workshop
from hub_config.settings import HubSettings, Secrets
from hub_config.up import hub_api, supervisor_of
from provisioning.accounts import account_name

PROJECT = Path(__file__).parents[2]
NAME = "bench-seats"
COURSE = PROJECT / "tests" / "e2e" / "course"
HUB_SECONDS = 60.0
_SPEC = """\
name: {name}
course: {course}
roster: roster.csv
hub: {{port: {port}}}
"""
#: Of a name that no other workshop on this machine has.
_ROSTER = "name,email,role,username\nBench Nobody,nobody@example.org,attendee,bench-nobody\n"


@dataclass(frozen=True)
class House:
    """The workshop that is up."""

    spec: Path
    state: Path

    @property
    def desk(self) -> CourseDesk:
        return Session(self.spec, self.state, Console(stderr=True)).course_desk

    @property
    def settings(self) -> HubSettings:
        return running_workshop(self.desk)

    def uids(self, usernames: Collection[str]) -> frozenset[int]:
        return frozenset(pwd.getpwnam(account_name(name)).pw_uid for name in usernames)

    def start_plainly_from_now_on(self) -> None:
        """As JupyterHub's LocalProcessSpawner does it: every server from nothing."""
        desk, settings = self.desk, self.settings.model_copy(update={"seats_socket": None})
        text = settings.model_dump_json(indent=2)
        write_if_changed(settings.hub_folder / "settings.json", text)
        supervisor_of(desk.paths, settings).restart("hub")
        secrets = Secrets.model_validate_json(settings.secrets_file.read_text())
        hub, deadline = hub_api(settings, secrets), time.monotonic() + HUB_SECONDS
        while not hub.healthy() and time.monotonic() < deadline:
            time.sleep(0.2)

    def workshop(self, *arguments: str) -> None:
        command = [sys.executable, "-c", "import cli; cli.main()", "-f", str(self.spec)]
        told = [*command, "--state", str(self.state), *arguments]
        print(f"workshop {' '.join(arguments)}", file=sys.stderr)
        subprocess.run(told, check=True, stdout=sys.stderr, cwd=PROJECT)


@contextmanager
def house(state: Path) -> Iterator[House]:
    """Up with a released lab; down afterwards."""
    folder = state / f"{NAME}-files"
    folder.mkdir(parents=True, exist_ok=True)
    spec = folder / "workshop.yaml"
    spec.write_text(_SPEC.format(name=NAME, course=COURSE, port=free_ports(1)[0]))
    (folder / "roster.csv").write_text(_ROSTER)
    found = House(spec, state)
    try:
        found.workshop("up", "--no-start-seats")
        found.workshop("release")
        yield found
    finally:
        found.workshop("down", "--yes")
        # Only now: whatever keeps it from going down is found there.
        for left in (folder, state / NAME):
            shutil.rmtree(left)
