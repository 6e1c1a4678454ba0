"""What instructors give out: releases of assignments, and feedback on snapshots."""

from __future__ import annotations

from pydantic import BaseModel

from hub_config.exchange.archive import Contents
from hub_config.exchange.errors import NotThere
from hub_config.exchange.files import Upload
from hub_config.exchange.records import Snapshot
from hub_config.exchange.uploads import Admission, UploadHandler


class MaterialHandler(UploadHandler):
    """Only instructors upload here."""

    def admit(self) -> Admission:
        self.caller.require_instructor()
        return Admission(self.parts.config.material, self.request.headers.get("X-Sha256"))


class ReleaseHandler(MaterialHandler):
    """The current version of an assignment. Everybody reads it; instructors set or withdraw it."""

    async def get(self, assignment: str) -> None:
        release = self.parts.store.release(assignment)
        await self.send_archive(self.parts.store.release_archive(release), release.sha256)

    def delete(self, assignment: str) -> None:
        self.caller.require_instructor()
        self.answer(self.parts.store.withdraw_release(assignment, by=self.caller.name))

    def file(self, upload: Upload, contents: Contents) -> BaseModel:
        assignment = self.path_kwargs["assignment"]
        return self.parts.store.add_release(
            upload, contents, assignment=assignment, by=self.caller.name
        )


class FeedbackHandler(MaterialHandler):
    """The newest feedback on one snapshot, for its owner and for instructors."""

    def admit(self) -> Admission:
        admission = super().admit()
        self._snapshot()
        return admission

    async def get(self, assignment: str, username: str, entry: str) -> None:
        self.caller.require_owner(username)
        snapshot = self._snapshot()
        feedback = self.parts.store.feedback(snapshot)
        if feedback is None:
            raise NotThere(
                "There is no feedback on this submission yet.",
                next_step="Wait until the instructor releases it.",
            )
        archive = self.parts.store.feedback_archive(snapshot, feedback)
        await self.send_archive(archive, feedback.sha256)

    def file(self, upload: Upload, contents: Contents) -> BaseModel:
        return self.parts.store.add_feedback(
            upload, contents, snapshot=self._snapshot(), by=self.caller.name
        )

    def _snapshot(self) -> Snapshot:
        names = self.path_kwargs
        return self.parts.store.submission(names["assignment"], names["username"], names["entry"])
