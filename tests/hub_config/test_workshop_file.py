"""The first workshop.yaml can be used as it is, and so can every line that it offers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hub_config.spec import WorkshopSpec
from hub_config.workshop_file import write_first_files
from provisioning.errors import AlreadyTaken
from provisioning.spec_file import read_spec

OFFERED = re.compile(r"^(\s*)# ([a-z_]+:.*)$", re.MULTILINE)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    spec, _ = write_first_files(tmp_path, "first", tmp_path / "course")
    return spec


def test_the_first_file_is_a_workshop(written: Path) -> None:
    assert read_spec(written, WorkshopSpec).name == "first"


def test_every_offered_line_works_without_its_hash(written: Path) -> None:
    text, count = OFFERED.subn(r"\1\2", written.read_text())
    assert count >= 6
    written.write_text(text)
    spec = read_spec(written, WorkshopSpec)
    assert spec.track == "first-look"
    assert spec.hub.bind == "0.0.0.0"  # the line stands below `hub:`
    assert spec.hub.tls is not None
    assert spec.submissions.max_files == 200


def test_what_exists_is_never_overwritten(written: Path) -> None:
    before = written.read_text()
    with pytest.raises(AlreadyTaken):
        write_first_files(written.parent, "second", written.parent)
    assert written.read_text() == before
