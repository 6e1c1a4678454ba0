"""What the plug-ins share: the client, the course, the folders of an attendee."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from textwrap import dedent
from typing import Any

from nbgrader.exchange import abc
from nbgrader.utils import ignore_patterns
from traitlets import Bool

from hub_config.exchange.archive import Limits, pack
from hub_config.exchange.client import Address, ExchangeClient
from hub_config.exchange.records import AssignmentView, Overview, Release
from provisioning.errors import WorkshopError

# The service has checked every archive against its own, tighter limits.
UNPACK_LIMITS = Limits(files=5000, file_bytes=2_000_000_000, total_bytes=2_000_000_000)


class Exchange(abc.Exchange):
    """Turns our errors into nbgrader's, so that its commands and buttons show the message."""

    path_includes_course = Bool(
        False,
        help=dedent(
            """
            Whether the path for fetching and submitting assignments is prefixed
            with the course name, as in ./course/assignment.
            """
        ),
    ).tag(config=True)

    def start(self) -> Any:
        try:
            return super().start()
        except WorkshopError as error:
            self.fail(f"{error.message} {error.next_step}".strip())
        except OSError as error:
            self.fail(f"{error.filename or 'A file'} can't be used: {error.strerror}.")

    @cached_property
    def client(self) -> ExchangeClient:
        return ExchangeClient(Address.from_environment(os.environ))

    @cached_property
    def overview(self) -> Overview:
        """What there is for us, and who the exchange says we are."""
        return self.client.overview()

    def check_course(self) -> None:
        """One exchange serves one course; an empty course id means that one."""
        course = self.overview.course
        if self.coursedir.course_id not in ("", course):
            self.fail(
                f"There is no course {self.coursedir.course_id!r} here; "
                f"this workshop's course is {course!r}."
            )
        self.coursedir.course_id = course

    def check_student(self) -> None:
        """Refuse to act in another's name. The exchange would not even be told it."""
        wanted = self.coursedir.student_id
        if wanted not in ("*", self.overview.name):
            self.fail(
                f"You are {self.overview.name!r} and can't act for {wanted!r}. "
                "Leave out --student: whose work it is, the hub knows."
            )

    def matches_assignment(self, assignment: str) -> bool:
        wanted = self.coursedir.assignment_id
        return wanted in ("", assignment) or fnmatchcase(assignment, wanted)

    def find_assignment(self) -> AssignmentView:
        """The assignment that was asked for; fails with the names that there are."""
        known = {view.assignment: view for view in self.overview.assignments}
        wanted = self.coursedir.assignment_id
        if wanted not in known:
            self.fail(f"There is no assignment {wanted!r}. There is: {', '.join(known) or 'none'}.")
        return known[wanted]

    def find_release(self) -> Release:
        """The current version of the assignment that was asked for."""
        release = self.find_assignment().release
        if release is None:
            raise WorkshopError(f"{self.coursedir.assignment_id!r} isn't released any more.")
        return release

    def assignment_folder(self, assignment: str) -> Path:
        """Where an attendee works on it."""
        course = self.coursedir.course_id if self.path_includes_course else ""
        return Path(os.path.abspath(Path(self.assignment_dir, course, assignment)))  # noqa: PTH100

    @contextlib.contextmanager
    def packed(self, folder: Path) -> Iterator[Path]:
        """The folder as an archive, without what nbgrader is configured to leave out."""
        leave_out = ignore_patterns(
            exclude=self.coursedir.ignore,
            include=self.coursedir.include,
            max_file_size=self.coursedir.max_file_size,
            log=self.log,
        )
        with scratch_file() as archive:
            with archive.open("wb") as target:
                result = pack(folder, target, leave_out)
            for name in result.left_out:
                self.log.warning("Left out, because it is a link or no plain file: %s", name)
            yield archive


@contextlib.contextmanager
def scratch_file() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "archive.zip"
