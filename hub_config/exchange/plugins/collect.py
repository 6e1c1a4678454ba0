"""`nbgrader collect`: the newest snapshot of each attendee into the course's submitted folder."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.exchange import abc
from nbgrader.utils import parse_utc

from hub_config.exchange.plugins.base import Exchange, scratch_file
from hub_config.exchange.plugins.folders import put_in_place, sweep, unpack_beside
from hub_config.exchange.records import Snapshot
from provisioning.errors import WorkshopError

# Beside the attendee's files, written from the exchange's record.
SNAPSHOT_FILE = "snapshot.json"


class ExchangeCollect(Exchange, abc.ExchangeCollect):
    """Owner and time come from the exchange; nothing in an archive can change them."""

    def init_src(self) -> None:
        self.check_course()
        wanted = self.coursedir.student_id or "*"
        by_student: dict[str, list[Snapshot]] = defaultdict(list)
        for item in self.client.submissions(self.coursedir.assignment_id):
            if fnmatchcase(item.snapshot.username, wanted):
                by_student[item.snapshot.username].append(item.snapshot)
        due = self._due_date() if self.before_duedate else None
        self.chosen = [_choose(snapshots, due) for _, snapshots in sorted(by_student.items())]

    def init_dest(self) -> None:
        pass

    def copy_files(self) -> None:
        assignment, course = self.coursedir.assignment_id, self.coursedir.course_id
        if not self.chosen:
            self.log.warning(
                "No submissions of '%s' for course '%s' to collect", assignment, course
            )
            return
        self.log.info(
            "Processing %s submissions of '%s' for course '%s'",
            len(self.chosen),
            assignment,
            course,
        )
        failed = [snapshot.username for snapshot in self.chosen if not self._collect(snapshot)]
        if failed:
            self.fail(f"Not collected, see above: {', '.join(failed)}. All others are.")

    def _collect(self, snapshot: Snapshot) -> bool:
        """Whether all is well with this one; a broken one must not stop the others."""
        try:
            self._ensure_collected(snapshot)
        except (WorkshopError, OSError) as error:
            self.log.error("%s %s: %s", snapshot.username, snapshot.assignment, error)
            return False
        return True

    def _ensure_collected(self, snapshot: Snapshot) -> None:
        place = Path(
            self.coursedir.format_path(
                self.coursedir.submitted_directory, snapshot.username, snapshot.assignment
            )
        )
        who = f"{snapshot.username} {snapshot.assignment}"
        place.parent.mkdir(parents=True, exist_ok=True)
        sweep(place)
        if not place.is_dir():
            self.log.info("Collecting submission: %s", who)
        elif self._must_replace(place, snapshot):
            self.log.info("Updating submission: %s", who)
        elif self.update:
            self.log.info("No newer submission to collect: %s", who)
            return
        else:
            self.log.info("Submission already exists, use --update to update: %s", who)
            return
        self._bring(snapshot, place)

    def _bring(self, snapshot: Snapshot, place: Path) -> None:
        record = snapshot.model_dump(mode="json", exclude={"ticket"})
        extra = {
            "timestamp.txt": snapshot.timestamp(),
            SNAPSHOT_FILE: json.dumps(record, indent=1) + "\n",
        }
        with scratch_file() as archive:
            self.client.fetch_submission(snapshot, archive)
            put_in_place(unpack_beside(archive, place, extra), place)

    def _must_replace(self, place: Path, snapshot: Snapshot) -> bool:
        collected = self.coursedir.get_existing_timestamp(str(place))
        new = parse_utc(snapshot.timestamp())
        if self.update and (collected is None or new > collected):
            return True
        return bool(self.before_duedate and collected != new)

    def _due_date(self) -> datetime | None:
        with Gradebook(self.coursedir.db_url, self.coursedir.course_id) as gradebook:
            try:
                due: datetime | None = gradebook.find_assignment(
                    self.coursedir.assignment_id
                ).duedate
            except MissingEntry:
                return None
        # nbgrader keeps UTC without saying so.
        return due.replace(tzinfo=UTC) if due else None


def _choose(snapshots: list[Snapshot], due: datetime | None) -> Snapshot:
    """The newest; with a due date the newest in time, if there is one."""
    in_time = [item for item in snapshots if due is None or item.received <= due]
    return max(in_time or snapshots, key=Snapshot.sequence)
