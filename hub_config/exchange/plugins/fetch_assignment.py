"""`nbgrader fetch_assignment`: the released files into the attendee's folder."""

from __future__ import annotations

import shutil
from pathlib import Path

from nbgrader.exchange import abc

from hub_config.exchange.plugins.base import Exchange, scratch_file
from hub_config.exchange.plugins.folders import put_in_place, sweep, unpack_beside


class ExchangeFetchAssignment(Exchange, abc.ExchangeFetchAssignment):
    """Never overwrites: an existing folder is refused, or only its missing files come back."""

    def init_src(self) -> None:
        self.check_course()
        self.release = self.find_release()

    def init_dest(self) -> None:
        self.dest_path = self.assignment_folder(self.coursedir.assignment_id)
        if self.dest_path.is_dir() and not self.replace_missing_files:
            self.fail(
                f"You already have a copy of the assignment in this directory: {self.dest_path}"
            )

    def copy_files(self) -> None:
        sweep(self.dest_path)
        with scratch_file() as archive:
            self.client.fetch_release(self.release, archive)
            beside = unpack_beside(archive, self.dest_path)
        if self.dest_path.is_dir():
            self._copy_missing(beside)
            shutil.rmtree(beside)
        else:
            put_in_place(beside, self.dest_path)
        self.log.info("Fetched as: %s %s", self.coursedir.course_id, self.coursedir.assignment_id)

    def _copy_missing(self, fresh: Path) -> None:
        for source in sorted(fresh.rglob("*")):
            target = self.dest_path / source.relative_to(fresh)
            if source.is_file() and not target.exists():
                self.log.warning("Replacing missing file '%s'", target)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target)
