"""The folder that `workshop export kubernetes` writes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from hub_config.export_commands import export
from hub_config.people import Person, walk_ins
from hub_config.spec import WorkshopSpec
from provisioning.errors import AlreadyTaken, WorkshopError
from provisioning.paths import StatePaths

LABS = {"tokenisation": "nlp-cpu", "embeddings": "nlp-cpu", "compiling": "deploy"}


@dataclass(frozen=True)
class Session:
    spec: WorkshopSpec
    people: tuple[Person, ...]
    labs: dict[str, str]
    paths: StatePaths


@pytest.fixture
def session(tmp_path: Path) -> Session:
    spec = WorkshopSpec.model_validate({"name": "demo", "course": "c", "seats": 3})
    paths = StatePaths(tmp_path / "state", "demo")
    released = paths.course / "release" / "tokenisation"
    released.mkdir(parents=True)
    (released / "tokenisation.ipynb").write_text("{}")
    return Session(spec, walk_ins(3), LABS, paths)


def run(session: Session, folder: Path, *options: str) -> str:
    command = ["kubernetes", "-o", str(folder), *options]
    done = CliRunner().invoke(export, command, obj=session, catch_exceptions=True)
    if isinstance(done.exception, WorkshopError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def test_values_image_and_what_to_type_are_written(session: Session, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    said = run(session, folder, "--image", "registry.example.org/me/seat")
    told = yaml.safe_load((folder / "values.yaml").read_text())
    image = told["singleuser"]["image"]
    assert image["name"] == "registry.example.org/me/seat"
    assert f"docker build -t registry.example.org/me/seat:{image['tag']} image" in (
        (folder / "README.md").read_text()
    )
    assert told["hub"]["config"]["Authenticator"]["allowed_users"][-1] == "seat03"
    assert "Not released yet, so not in the image: embeddings, compiling" in said
    assert (folder / "image/labs/tokenisation/tokenisation.ipynb").is_file()


def test_every_environment_is_a_stage_built_from_its_lock(session: Session, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    run(session, folder)
    text = (folder / "image" / "Dockerfile").read_text()
    for name in ("hub", "nlp-cpu", "deploy"):
        lock = Path(__file__).parents[3] / "environments" / f"{name}.lock"
        assert (folder / "image" / "locks" / f"{name}.lock").read_bytes() == lock.read_bytes()
        assert f"FROM builder AS {name}\n" in text
        assert f"-r /locks/{name}.lock" in text
        assert f"COPY --from={name} " in text
    copied = [line.split()[1:-1] for line in text.splitlines() if line.startswith("COPY ")]
    here = [path for paths in copied for path in paths if not path.startswith(("--", "/opt"))]
    assert [path for path in here if not (folder / "image" / path).exists()] == []
    assert "--no-binary gluonnlp --build-constraints /locks/from-source.lock" in text
    assert (folder / "image" / "locks" / "uv.lock").read_text().startswith("uv==")
    kernel = json.loads((folder / "image/kernels/nlp-cpu/kernel.json").read_text())
    assert kernel["argv"][0] == "/opt/workshop/environments/nlp-cpu/bin/python"


def test_a_second_export_takes_the_place_of_the_first(session: Session, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    run(session, folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    (folder / "image" / "labs" / "old").mkdir()
    (folder / "mine.yaml").write_text("hub: {}")
    run(session, folder)
    assert not (folder / "image" / "labs" / "old").exists()
    assert (folder / "mine.yaml").is_file(), "what others put beside it stays"
    assert {path: path.read_bytes() for path in before} == before


def test_a_folder_with_something_else_in_it_is_left_alone(session: Session, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(AlreadyTaken):
        run(session, tmp_path)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["state", "thesis.tex"]


def test_the_images_name_changes_with_a_lock_only(session: Session, tmp_path: Path) -> None:
    def tag(folder: Path) -> str:
        told = yaml.safe_load((folder / "values.yaml").read_text())
        return str(told["singleuser"]["image"]["tag"])

    run(session, tmp_path / "one")
    run(session, tmp_path / "two")
    fewer = Session(session.spec, session.people, {"tokenisation": "nlp-cpu"}, session.paths)
    run(fewer, tmp_path / "three")
    assert tag(tmp_path / "one") == tag(tmp_path / "two") != tag(tmp_path / "three")
