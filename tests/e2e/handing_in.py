"""Submissions without seats: what the Submit button sends, with the attendee's own hub token."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import requests

from hub_config.exchange.archive import pack
from hub_config.exchange.client import Address, ExchangeClient
from hub_config.exchange.records import Snapshot, SubmissionView
from hub_config.programs import exchange_url
from tests.e2e.running import RunningWorkshop

#: Right answers to the first two exercises of the course `sums`, by cell.
RIGHT = {
    "add": "def add(x, y):\n    return x + y",
    "double": "def double(x):\n    return 2 * x",
}


@dataclass(frozen=True)
class Attendee:
    """Somebody who hands in, with a token that is made when it is first needed."""

    workshop: RunningWorkshop
    username: str

    @cached_property
    def client(self) -> ExchangeClient:
        settings = self.workshop.settings
        user = f"http://127.0.0.1:{settings.ports.hub}/hub/api/users/{self.username}"
        ours = {"Authorization": f"token {self.workshop.secrets.workshop}"}
        requests.post(user, headers=ours, timeout=30)
        answer = requests.post(f"{user}/tokens", headers=ours, json={}, timeout=30)
        answer.raise_for_status()
        return ExchangeClient(Address(exchange_url(settings).rstrip("/"), answer.json()["token"]))

    def hand_in(self, lab: str, answers: Mapping[str, str], *, raw: str | None = None) -> Snapshot:
        """The release with some cells replaced, or a file of that name with any text."""
        release = self.workshop.paths.course / "release" / lab / f"{lab}.ipynb"
        with tempfile.TemporaryDirectory() as scratch:
            folder, archive = Path(scratch, lab), Path(scratch, "archive.zip")
            folder.mkdir()
            text = answered(release.read_text(), answers) if raw is None else raw
            (folder / f"{lab}.ipynb").write_text(text)
            with archive.open("wb") as target:
                pack(folder, target, lambda _folder, _names: [])
            return self.client.submit(lab, archive)

    def submissions(self, lab: str) -> tuple[SubmissionView, ...]:
        views: Iterable[SubmissionView] = (
            item
            for view in self.client.overview().assignments
            if view.assignment == lab
            for item in view.submissions
        )
        return tuple(views)

    def has_feedback(self, snapshot: Snapshot) -> bool:
        found = {item.snapshot.id: item for item in self.submissions(snapshot.assignment)}
        return found[snapshot.id].feedback is not None


def answered(notebook: str, answers: Mapping[str, str]) -> str:
    """A notebook with these sources in the place of the cells of these names."""
    content = json.loads(notebook)
    for cell in content["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        cell["source"] = answers.get(name, cell["source"])
    return json.dumps(content)
