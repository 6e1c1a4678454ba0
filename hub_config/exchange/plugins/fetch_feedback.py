"""`nbgrader fetch_feedback`: the attendee's own feedback into the assignment's folder."""

from __future__ import annotations

from nbgrader.exchange import abc

from hub_config.exchange.plugins.base import Exchange, scratch_file
from hub_config.exchange.plugins.folders import put_in_place, sweep, unpack_beside
from hub_config.exchange.plugins.local_feedback import MARKER, feedback_folder
from hub_config.exchange.records import Feedback, Snapshot


class ExchangeFetchFeedback(Exchange, abc.ExchangeFetchFeedback):
    """One folder per submission, named by its time, as in plain nbgrader."""

    def init_src(self) -> None:
        self.check_course()
        self.check_student()
        self.submissions = self.find_assignment().submissions

    def init_dest(self) -> None:
        self.dest_path = self.assignment_folder(self.coursedir.assignment_id)

    def copy_files(self) -> None:
        for item in self.submissions:
            if item.feedback is None:
                self.log.warning(
                    "No feedback yet on '%s' submitted at %s",
                    self.coursedir.assignment_id,
                    item.snapshot.timestamp(),
                )
            else:
                self._fetch(item.snapshot, item.feedback)

    def _fetch(self, snapshot: Snapshot, feedback: Feedback) -> None:
        folder = feedback_folder(self.dest_path, snapshot)
        folder.parent.mkdir(parents=True, exist_ok=True)
        sweep(folder)
        with scratch_file() as archive:
            self.client.fetch_feedback(feedback, archive)
            beside = unpack_beside(archive, folder, {MARKER: feedback.id})
        put_in_place(beside, folder)
        self.log.info("Fetched feedback: %s", folder)
