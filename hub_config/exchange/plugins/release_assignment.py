"""`nbgrader release_assignment`: the release folder becomes the version attendees fetch."""

from __future__ import annotations

import hashlib
from pathlib import Path

from nbgrader.exchange import abc

from hub_config.exchange.plugins.base import Exchange


class ExchangeReleaseAssignment(Exchange, abc.ExchangeReleaseAssignment):
    """The same files again change nothing; other files need `--force` and become a new version."""

    def init_src(self) -> None:
        self.check_course()
        assignment = self.coursedir.assignment_id
        self.src_path = self._step_folder(self.coursedir.release_directory)
        if self.src_path.is_dir():
            return
        source = self._step_folder(self.coursedir.source_directory)
        if source.is_dir():
            self.fail(
                f"Assignment found in '{source}' but not '{self.src_path}', "
                "run `nbgrader generate_assignment` first."
            )
        self.fail(f"Assignment {assignment!r} not found at: {self.src_path}")

    def init_dest(self) -> None:
        releases = {view.assignment: view.release for view in self.overview.assignments}
        self.current = releases.get(self.coursedir.assignment_id)

    def copy_files(self) -> None:
        course, assignment = self.coursedir.course_id, self.coursedir.assignment_id
        with self.packed(self.src_path) as archive:
            same = self.current is not None and self.current.sha256 == _sha256(archive)
            if same:
                self.log.info("Already released as: %s %s", course, assignment)
                return
            if self.current is not None and not self.force:
                self.fail(
                    "Another version is already released, add --force to replace it: "
                    f"{course} {assignment}"
                )
            self.client.put_release(assignment, archive)
        self.log.info("Released as: %s %s", course, assignment)

    def _step_folder(self, step: str) -> Path:
        return Path(self.coursedir.format_path(step, ".", self.coursedir.assignment_id))


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
