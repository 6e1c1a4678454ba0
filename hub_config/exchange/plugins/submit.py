"""`nbgrader submit`: the attendee's folder becomes a snapshot in the exchange."""

from __future__ import annotations

from pathlib import Path

from nbgrader.exchange import abc

from hub_config.exchange.plugins.base import Exchange


class ExchangeSubmit(Exchange, abc.ExchangeSubmit):
    """Who submits is what the token says, when is what the exchange's clock says."""

    def init_src(self) -> None:
        self.check_course()
        self.check_student()
        # As in plain nbgrader, the name of a folder may be given with its path.
        self.coursedir.assignment_id = Path(self.coursedir.assignment_id).name
        self.src_path = self.assignment_folder(self.coursedir.assignment_id)
        if not self.src_path.is_dir():
            self.fail(f"Assignment not found at: {self.src_path}")

    def init_dest(self) -> None:
        self.released_notebooks = set(self.find_release().notebooks)

    def copy_files(self) -> None:
        self.check_notebooks()
        with self.packed(self.src_path) as archive:
            snapshot = self.client.submit(self.coursedir.assignment_id, archive)
        self.timestamp = snapshot.timestamp()
        self.log.info(
            "Submitted as: %s %s %s", self.coursedir.course_id, snapshot.assignment, self.timestamp
        )
        self.log.info("Kept for %s with sha256 %s", snapshot.username, snapshot.sha256)

    def check_notebooks(self) -> None:
        """Say which notebooks are missing or new; with `strict`, refuse if any is missing."""
        submitted = {path.stem for path in self.src_path.glob("*.ipynb")}
        missing = sorted(self.released_notebooks - submitted)
        extra = sorted(submitted - self.released_notebooks)
        if not missing and not extra:
            return
        found = f"missing: {', '.join(missing) or 'none'}; extra: {', '.join(extra) or 'none'}"
        if missing and self.strict:
            self.fail(
                f"Assignment {self.coursedir.assignment_id} not submitted. "
                f"There are missing notebooks for the submission: {found}"
            )
        self.log.warning("Possible missing or extra notebooks: %s", found)
