"""`nbgrader release_feedback`: generated feedback goes to the snapshot that it is about."""

from __future__ import annotations

import json
from pathlib import Path

from nbgrader.exchange import abc

from hub_config.exchange.archive import pack
from hub_config.exchange.plugins.base import Exchange, scratch_file
from hub_config.exchange.plugins.collect import SNAPSHOT_FILE
from provisioning.errors import WorkshopError


class ExchangeReleaseFeedback(Exchange, abc.ExchangeReleaseFeedback):
    """Only the pages are sent. Whose they are, the folder says; the exchange checks the rest."""

    def init_src(self) -> None:
        self.check_course()
        pattern = Path(self._feedback_folder(self.coursedir.student_id or "*"))
        excluded = set(self.coursedir.student_id_exclude.split(","))
        self.folders = [
            folder
            for folder in sorted(
                Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor)))
            )
            if _student(folder) not in excluded and any(folder.glob("*.html"))
        ]

    def init_dest(self) -> None:
        pass

    def copy_files(self) -> None:
        if not self.folders:
            self.log.warning("No feedback of '%s' to release", self.coursedir.assignment_id)
        failed = [_student(folder) for folder in self.folders if not self._release(folder)]
        if failed:
            self.fail(f"Feedback not released, see above: {', '.join(failed)}. All other is.")

    def _release(self, folder: Path) -> bool:
        student, assignment = _student(folder), self.coursedir.assignment_id
        try:
            snapshot_id = self._snapshot_id(folder, student)
            with scratch_file() as archive:
                with archive.open("wb") as target:
                    pack(folder, target, _all_but_pages)
                self.client.put_feedback(assignment, student, snapshot_id, archive)
        except (WorkshopError, OSError, ValueError, KeyError) as error:
            self.log.error("%s %s: %s", student, assignment, error)
            return False
        self.log.info(
            "Releasing feedback for student '%s' on assignment '%s/%s'",
            student,
            self.coursedir.course_id,
            assignment,
        )
        return True

    def _snapshot_id(self, folder: Path, student: str) -> str:
        """Which snapshot was graded: nbgrader carries its file along; else the collected one."""
        submitted = self.coursedir.format_path(
            self.coursedir.submitted_directory, student, self.coursedir.assignment_id
        )
        for place in (folder, Path(submitted)):
            record = place / SNAPSHOT_FILE
            if record.is_file():
                return str(json.loads(record.read_text())["id"])
        raise WorkshopError(
            "The graded submission wasn't collected from this exchange.",
            next_step="Run `nbgrader collect` and grade again.",
        )

    def _feedback_folder(self, student: str) -> str:
        path: str = self.coursedir.format_path(
            self.coursedir.feedback_directory, student, self.coursedir.assignment_id
        )
        return str(Path(path).absolute())


def _student(folder: Path) -> str:
    return folder.parent.name


def _all_but_pages(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if not name.endswith(".html") or (Path(folder) / name).is_dir()]
