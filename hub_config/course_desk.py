"""The course of a running workshop: what the grader is told, and how it is asked to work.

The grader is a command with a settings file: this room writes the file, the grader reads
and checks it. Neither imports the other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub_config.exchange.nbgrader_settings import ARRIVALS, PLUGINS
from hub_config.grading_hosts.places import told_to_grader
from hub_config.grading_process import GradingProcess, Progress
from hub_config.install import Owner, ensure_copy, ensure_folder, write_if_changed
from hub_config.programs import exchange_url, grader_settings
from hub_config.seats import Seat, read_register
from hub_config.settings import HubSettings, Secrets
from hub_config.supervisor import MARK
from hub_config.up import Prepared
from hub_config.usernames import ROBOT
from provisioning.errors import StepFailed
from provisioning.paths import StatePaths


@dataclass(frozen=True)
class CourseDesk:
    """`coursework` is the instructor's folder, `course` what its course.yaml says, as JSON."""

    paths: StatePaths
    coursework: Path
    course: Mapping[str, Any]

    def open(self, prepared: Prepared, progress: Progress) -> None:
        """The course folder, opened in nbgrader, with everybody in its gradebook."""
        order, owner = prepared.order, prepared.grader
        record = {
            "hub_python": str(prepared.settings.hub_python),
            "owner": [owner.uid, owner.gid] if owner else None,
            "environments": {
                each.name: {"python": str(each.python), "identity": each.identity}
                for each in (order.hub, *order.kernels)
            },
        }
        write_if_changed(self.paths.record, json.dumps(record, indent=2) + "\n")
        progress("course", 0, 1, "")
        self.ask("course", progress=progress)
        progress("course", 1, 1, "")

    def ask(self, verb: str, *options: str, progress: Progress) -> dict[str, Any]:
        """Run one verb of the grader under the account that owns the course."""
        paths = self.paths
        if not paths.record.is_file():
            raise StepFailed(f"The workshop {paths.workshop} is not up", next_step="workshop up")
        record = json.loads(paths.record.read_text())
        settings = HubSettings.model_validate_json((paths.hub / "settings.json").read_text())
        secrets = Secrets.model_validate_json(settings.secrets_file.read_text())
        owner = Owner(*record["owner"]) if record["owner"] else None
        ensure_copy(self.coursework, paths.home / "coursework", owner)
        ensure_folder(self._run_folder, 0o700, owner)
        file = grader_settings(paths.home)
        write_if_changed(file, json.dumps(self._told(record, settings), indent=2) + "\n")
        process = GradingProcess(
            hub_python=Path(record["hub_python"]),
            library=settings.library,
            course=paths.course,
            log=paths.logs / "grader.log",
            owner=owner,
            environment={
                "WORKSHOP_EXCHANGE_URL": exchange_url(settings),
                "JUPYTERHUB_API_TOKEN": secrets.formgrader,
                MARK: str(paths.home),
            },
        )
        return process.run(verb, file, *options, progress=progress)

    @property
    def _run_folder(self) -> Path:
        # One letter: paths of sockets below it may have 107 characters.
        return self.paths.home / "g"

    def _told(self, record: Mapping[str, Any], settings: HubSettings) -> dict[str, Any]:
        seats = read_register(self.paths.seats).taken()
        return {
            "course": str(self.paths.course),
            "coursework": str(self.paths.home / "coursework"),
            "spec": dict(self.course),
            "people": [_person(seat) for seat in seats if _belongs_to_the_class(seat)],
            "environments": record["environments"],
            "exchange": {"classes": PLUGINS, "arrivals": ARRIVALS},
            "run": str(self._run_folder),
            "reports": str(self.paths.reports),
            "worker_hosts": told_to_grader(settings),
            "gradebook": settings.database.gradebook if settings.database else "",
        }


def _belongs_to_the_class(seat: Seat) -> bool:
    """A rehearsal's robots don't: they are graded, and then they are forgotten."""
    return seat.role == "attendee" and not ROBOT.fullmatch(seat.username)


def _person(seat: Seat) -> dict[str, str]:
    return {"username": seat.username, "name": seat.name, "email": seat.email}
