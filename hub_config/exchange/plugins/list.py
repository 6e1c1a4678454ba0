"""`nbgrader list`, and the lists behind JupyterLab's Assignments page and the formgrader."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

from nbgrader.exchange import abc

from hub_config.exchange.plugins.base import Exchange
from hub_config.exchange.plugins.local_feedback import feedback_folder, is_fetched, is_outdated
from hub_config.exchange.records import AssignmentView, Release, SubmissionView

# The shape of these is nbgrader's; its pages read them.
Info = dict[str, Any]


class ExchangeList(Exchange, abc.ExchangeList):
    """Released assignments; with `cached` one's own submissions; with `inbound` everybody's.

    Nothing is cached here: one's own submissions are those that the exchange has.
    """

    def init_src(self) -> None:
        pass

    def init_dest(self) -> None:
        pass

    def copy_files(self) -> None:
        pass

    def list_files(self) -> list[Info]:
        if self.inbound or self.cached:
            return self._list_submitted()
        self.log.info("Released assignments:")
        infos = [self._released(release) for release in self._releases()]
        for info in infos:
            fetched = " (already downloaded)" if info["status"] == "fetched" else ""
            self.log.info("%s %s%s", info["course_id"], info["assignment_id"], fetched)
        return infos

    def remove_files(self) -> list[Info]:
        """Withdraw releases. Submissions are never removed."""
        if self.inbound or self.cached:
            self.fail("Submissions are kept: the exchange never removes one.")
        self.log.info("Removing released assignments:")
        infos = []
        for release in self._releases():
            self.client.withdraw_release(release.assignment)
            self.log.info("%s %s", self.overview.course, release.assignment)
            infos.append({**self._released(release), "status": "removed"})
        return infos

    # --- released -----------------------------------------------------------------------------

    def _views(self) -> list[AssignmentView]:
        if self.coursedir.course_id not in ("", self.overview.course):
            return []
        views = self.overview.assignments
        return [view for view in views if self.matches_assignment(view.assignment)]

    def _releases(self) -> list[Release]:
        return [view.release for view in self._views() if view.release is not None]

    def _released(self, release: Release) -> Info:
        folder = self.assignment_folder(release.assignment)
        fetched = folder.is_dir()
        names = [path.stem for path in folder.glob("*.ipynb")] if fetched else release.notebooks
        return {
            "course_id": self.overview.course,
            "assignment_id": release.assignment,
            "status": "fetched" if fetched else "released",
            "path": str(folder),
            "notebooks": [
                {"notebook_id": name, "path": str(folder / f"{name}.ipynb")}
                for name in sorted(names)
            ],
        }

    # --- submitted ----------------------------------------------------------------------------

    def _list_submitted(self) -> list[Info]:
        self.log.info("Submitted assignments:")
        groups: dict[tuple[str, str], list[Info]] = defaultdict(list)
        for item in self._submitted():
            info = self._submission(item)
            groups[info["student_id"], info["assignment_id"]].append(info)
            self.log.info(_line(info))
        return [
            {
                "course_id": self.overview.course,
                "student_id": student,
                "assignment_id": assignment,
                "status": "submitted",
                "submissions": infos,
            }
            for (student, assignment), infos in sorted(groups.items())
        ]

    def _submitted(self) -> Iterable[SubmissionView]:
        everybodys = self.inbound and self.overview.instructor
        for view in self._views():
            items = self.client.submissions(view.assignment) if everybodys else view.submissions
            for item in items:
                if fnmatchcase(item.snapshot.username, self.coursedir.student_id or "*"):
                    yield item

    def _submission(self, item: SubmissionView) -> Info:
        snapshot = item.snapshot
        folder = feedback_folder(self.assignment_folder(snapshot.assignment), snapshot)
        state = {
            "has_local_feedback": is_fetched(folder),
            "has_exchange_feedback": item.feedback is not None,
            "feedback_updated": is_outdated(folder, item.feedback),
        }
        return {
            "course_id": self.overview.course,
            "student_id": snapshot.username,
            "assignment_id": snapshot.assignment,
            "timestamp": snapshot.timestamp(),
            "status": "submitted",
            "path": snapshot.id,
            "local_feedback_path": str(folder) if state["has_local_feedback"] else None,
            **state,
            "notebooks": [
                {
                    "notebook_id": name,
                    "path": name,
                    "local_feedback_path": (
                        str(folder / f"{name}.html") if state["has_local_feedback"] else None
                    ),
                    **state,
                }
                for name in snapshot.notebooks
            ],
        }


def _line(info: Info) -> str:
    words = f"{info['course_id']} {info['student_id']} {info['assignment_id']} {info['timestamp']}"
    if info["has_local_feedback"] and not info["feedback_updated"]:
        return f"{words} (feedback already fetched)"
    if info["has_exchange_feedback"]:
        return f"{words} (feedback ready to be fetched)"
    return f"{words} (no feedback available)"
