"""Plain nbgrader works through the exchange: its commands, its server extension, its API."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from hub_config.exchange.nbgrader_settings import nbgrader_lines

PROJECT = Path(__file__).parents[3]
Zipped = Callable[[dict[str, str | bytes]], bytes]

SOLUTION = "### BEGIN SOLUTION\nanswer = 42\n### END SOLUTION"
TEST = "assert answer == 42"


def lab() -> NotebookNode:
    def cell(source: str, name: str, **role: Any) -> NotebookNode:
        metadata = {"schema_version": 3, "grade_id": name, "task": False, **role}
        return new_code_cell(source, metadata={"nbgrader": metadata})

    notebook = new_notebook(
        cells=[
            cell(SOLUTION, "answer", grade=False, solution=True, locked=False),
            cell(TEST, "test", grade=True, solution=False, locked=True, points=3),
        ]
    )
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    return notebook


# nbgrader takes seconds to import. This process does it once and forks for each command, which
# then runs as its own process, in its own folder and environment.
WARM_NBGRADER = """
import json, os, sys
from nbgrader.apps.nbgraderapp import main as run_nbgrader
import nbgrader.apps.api, nbgrader.server_extensions.assignment_list.handlers
import hub_config.exchange.plugins

for line in sys.stdin:
    order = json.loads(line)
    child = os.fork()
    if child == 0:
        output = os.open(order["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1), os.dup2(output, 2), os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
        os.chdir(order["folder"])
        os.environ.clear()
        os.environ.update(order["environ"])
        sys.argv = ["nbgrader", *order["arguments"]]
        exec(order["code"]) if order["code"] else run_nbgrader()
        sys.exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture(scope="module")
def warm() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", WARM_NBGRADER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT)},
    )
    yield process
    process.communicate(timeout=20)


@dataclass
class Desk:
    """A folder in which one person runs nbgrader, with that person's token."""

    folder: Path
    environ: dict[str, str]
    warm: subprocess.Popen[str]

    def nbgrader(self, *arguments: str, fails: bool = False) -> str:
        return self._run(arguments, "", fails)

    def python(self, code: str) -> Any:
        """What the last printed line of the code says, in JSON."""
        return json.loads(self._run((), code, fails=False).splitlines()[-1])

    def nbgrader_from_the_shell(self, *arguments: str) -> str:
        return subprocess.run(
            ["nbgrader", *arguments],
            cwd=self.folder,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=200,
            check=True,
        ).stdout

    def _run(self, arguments: tuple[str, ...], code: str, fails: bool) -> str:
        output = self.folder / ".output"
        order = {
            "arguments": arguments,
            "code": code,
            "folder": str(self.folder),
            "environ": self.environ,
            "output": str(output),
        }
        assert self.warm.stdin is not None
        assert self.warm.stdout is not None
        self.warm.stdin.write(json.dumps(order) + "\n")
        self.warm.stdin.flush()
        status = int(self.warm.stdout.readline())
        assert (status != 0) is fails, output.read_text()
        return output.read_text()

    def answer(self, source: str, assignment: str = "lab") -> None:
        path = self.folder / assignment / "lab.ipynb"
        notebook = nbformat.read(path, as_version=4)
        notebook.cells[0].source = source
        nbformat.write(notebook, path)


MakeDesk = Callable[..., Desk]


@pytest.fixture
def make_desk(tmp_path: Path, warm: subprocess.Popen[str]) -> MakeDesk:
    def make(person: Any, **environ: str) -> Desk:
        home = tmp_path / person.name
        home.mkdir()
        (home / "nbgrader_config.py").write_text("c = get_config()\n" + nbgrader_lines("nlp"))
        return Desk(
            home,
            {
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "HOME": str(home),
                "PYTHONPATH": str(PROJECT),
                "JUPYTERHUB_USER": person.name,
                "JUPYTERHUB_API_TOKEN": person.token,
                "WORKSHOP_EXCHANGE_URL": person.url,
                **environ,
            },
            warm,
        )

    return make


@pytest.fixture(scope="module")
def running(start_exchange: Any) -> Any:
    return start_exchange()


@pytest.fixture
def service(running: Any) -> Any:
    """A service with an empty store."""
    for kind in ("releases", "submissions", "feedback"):
        shutil.rmtree(running.store / kind, ignore_errors=True)
    return running


@pytest.fixture
def released(service: Any, tmp_path: Path, zipped: Zipped) -> Any:
    """A service with the assignment `lab`."""
    archive = tmp_path / "lab.zip"
    archive.write_bytes(zipped({"lab.ipynb": nbformat.writes(lab())}))
    service.person("ines").client.put_release("lab", archive)
    return service


def submit(person: Any, folder: Path, files: dict[str, str | bytes], assignment: str) -> Any:
    archive = folder / "archive.zip"
    with zipfile.ZipFile(archive, "w") as bundle:
        for name, content in files.items():
            bundle.writestr(name, content)
    return person.client.submit(assignment, archive)


def test_the_whole_loop_of_plain_nbgrader_runs_through_the_exchange(
    service: Any, make_desk: MakeDesk
) -> None:
    teacher = make_desk(service.service("formgrader"))
    (teacher.folder / "source/lab").mkdir(parents=True)
    nbformat.write(lab(), teacher.folder / "source/lab/lab.ipynb")
    teacher.nbgrader("generate_assignment", "lab")
    assert "Released as: nlp lab" in teacher.nbgrader("release_assignment", "lab")
    assert "Already released" in teacher.nbgrader("release_assignment", "lab")

    ada = make_desk(service.person("ada"))
    assert "nlp lab" in ada.nbgrader("list")
    ada.nbgrader("fetch_assignment", "lab")
    assert "already have a copy" in ada.nbgrader("fetch_assignment", "lab", fails=True)
    ada.answer("answer = 42")
    assert "Submitted as: nlp lab" in ada.nbgrader_from_the_shell("submit", "lab")

    assert "Collecting submission: ada lab" in teacher.nbgrader("collect", "lab")
    teacher.nbgrader("autograde", "lab")
    teacher.nbgrader("generate_feedback", "lab")
    assert "student 'ada'" in teacher.nbgrader("release_feedback", "lab")

    assert "feedback ready to be fetched" in ada.nbgrader("list", "--cached")
    ada.nbgrader("fetch_feedback", "lab")
    (page,) = (ada.folder / "lab/feedback").rglob("lab.html")
    assert "Score: 3.0 / 3.0" in page.read_text()
    assert "feedback already fetched" in ada.nbgrader("list", "--cached")


def test_submitting_for_another_is_refused_by_the_nbgrader_command(
    released: Any, make_desk: MakeDesk
) -> None:
    ada = make_desk(released.person("ada"), JUPYTERHUB_USER="bob", USER="bob", LOGNAME="bob")
    ada.nbgrader("fetch_assignment", "lab")
    said = ada.nbgrader("submit", "lab", "--student=bob", fails=True)
    assert "You are 'ada' and can't act for 'bob'." in said
    assert "can't act for 'bob'" in ada.nbgrader(
        "fetch_feedback", "lab", "--student=bob", fails=True
    )
    assert released.person("ada").own("lab") == []
    assert released.person("bob").own("lab") == []

    ada.nbgrader("submit", "lab")  # the environment says bob, the token says ada
    assert [item.snapshot.username for item in released.person("ada").own("lab")] == ["ada"]
    assert released.person("bob").own("lab") == []


def test_an_attendee_can_neither_release_nor_withdraw_nor_collect(
    released: Any, make_desk: MakeDesk
) -> None:
    ada = make_desk(released.person("ada"))
    (ada.folder / "release/lab").mkdir(parents=True)
    (ada.folder / "release/lab/lab.ipynb").write_text("easy")
    for command in (
        ["release_assignment", "lab", "--force"],
        ["list", "--remove"],
        ["collect", "lab"],
    ):
        assert "Only instructors may do this." in ada.nbgrader(*command, fails=True)
    assert released.person("ada").client.overview().assignments[0].release.id.startswith("000001")


COLLECT = """
import json, sys
from nbgrader.apps.api import NbGraderAPI
from nbgrader.apps import NbGrader
app = NbGrader(); app.load_config_file()
api = NbGraderAPI(config=app.config)
print(json.dumps(api.collect({assignment!r}, update={update})))
"""


def test_collect_puts_the_newest_with_the_record_of_the_exchange(
    released: Any, make_desk: MakeDesk, tmp_path: Path
) -> None:
    teacher = make_desk(released.service("formgrader"))
    ada, bob = released.person("ada"), released.person("bob")
    old = submit(ada, tmp_path, {"lab.ipynb": "old", "gone.txt": "x"}, "lab")
    submit(bob, tmp_path, {"lab.ipynb": "bob's"}, "lab")
    place = teacher.folder / "submitted/ada/lab"

    def collect(update: bool) -> str:
        result = teacher.python(COLLECT.format(assignment="lab", update=update))
        assert result["success"], result
        return str(result["log"])

    collect(update=True)
    assert (place / "lab.ipynb").read_text() == "old"
    assert (place / "timestamp.txt").read_text() == old.timestamp()
    record = json.loads((place / "snapshot.json").read_text())
    assert (record["id"], record["sha256"]) == (old.id, old.sha256)

    forged = {"timestamp.txt": "2001-01-01 00:00:00.0 UTC", "snapshot.json/x": "a folder"}
    new = submit(ada, tmp_path, {"lab.ipynb": "new", **forged}, "lab")
    assert "use --update" in collect(update=False)
    assert (place / "lab.ipynb").read_text() == "old"
    assert "Updating submission: ada lab" in collect(update=True)
    assert "No newer submission to collect: ada lab" in collect(update=True)
    assert sorted(path.name for path in place.iterdir()) == [
        "lab.ipynb",
        "snapshot.json",
        "timestamp.txt",
    ]
    assert (place / "lab.ipynb").read_text() == "new"
    assert (place / "timestamp.txt").read_text() == new.timestamp()
    assert json.loads((place / "snapshot.json").read_text())["id"] == new.id
    assert (teacher.folder / "submitted/bob/lab/lab.ipynb").read_text() == "bob's"
    assert [path.name for path in place.parent.iterdir()] == ["lab"]


def test_one_damaged_snapshot_does_not_stop_the_others_from_being_collected(
    released: Any, make_desk: MakeDesk, tmp_path: Path
) -> None:
    teacher = make_desk(released.service("formgrader"))
    broken = submit(released.person("ada"), tmp_path, {"lab.ipynb": "x"}, "lab")
    submit(released.person("bob"), tmp_path, {"lab.ipynb": "fine"}, "lab")
    kept = released.store / "submissions/lab/ada" / f"{broken.id}.zip"
    kept.chmod(0o600)
    kept.write_bytes(kept.read_bytes()[:-1] + b"!")
    said = teacher.nbgrader("collect", "lab", fails=True)
    assert "Not collected, see above: ada. All others are." in said
    assert not (teacher.folder / "submitted/ada/lab").exists()
    assert (teacher.folder / "submitted/bob/lab/lab.ipynb").read_text() == "fine"


def test_before_duedate_collects_the_last_in_time(
    released: Any, make_desk: MakeDesk, tmp_path: Path
) -> None:
    teacher = make_desk(released.service("formgrader"))
    ada = released.person("ada")
    in_time = submit(ada, tmp_path, {"lab.ipynb": "in time"}, "lab")
    late = submit(ada, tmp_path, {"lab.ipynb": "late"}, "lab")
    assert in_time.received < late.received
    teacher.python(
        "from nbgrader.api import Gradebook\n"
        "with Gradebook('sqlite:///gradebook.db', 'nlp') as g:\n"
        f"    g.add_assignment('lab', duedate={in_time.timestamp()!r})\n"
        "print(1)"
    )
    teacher.nbgrader("collect", "lab", "--before-duedate")
    place = teacher.folder / "submitted/ada/lab/lab.ipynb"
    assert place.read_text() == "in time"
    teacher.nbgrader("collect", "lab", "--update")
    assert place.read_text() == "late"


ASSIGNMENT_LIST = """
import json, os
from nbgrader.server_extensions.assignment_list.handlers import AssignmentList
page = AssignmentList(); page.root_dir = os.getcwd()
before = page.list_assignments("nlp")
fetched = page.fetch_assignment("nlp", "lab")
submitted = page.submit_assignment("nlp", "lab")
print(json.dumps([before, fetched, submitted, page.list_assignments("nlp"), page.list_courses()]))
"""
FETCH_FEEDBACK = """
import json, os
from nbgrader.server_extensions.assignment_list.handlers import AssignmentList
page = AssignmentList(); page.root_dir = os.getcwd()
before = page.list_assignments("nlp")
print(json.dumps([before, page.fetch_feedback("nlp", "lab"), page.list_assignments("nlp")]))
"""


def test_jupyterlab_s_assignments_page_works(
    released: Any, make_desk: MakeDesk, tmp_path: Path, zipped: Zipped
) -> None:
    ada = make_desk(released.person("ada"))
    before, fetched, submitted, after, courses = ada.python(ASSIGNMENT_LIST)
    assert [item["status"] for item in before["value"]] == ["released"]
    assert fetched == submitted == {"success": True}
    assert courses == {"success": True, "value": ["nlp"]}
    on_disk, sent = after["value"]
    assert (on_disk["status"], on_disk["path"]) == ("fetched", "lab")
    assert on_disk["notebooks"] == [{"notebook_id": "lab", "path": "lab/lab.ipynb"}]
    assert (sent["status"], sent["student_id"], len(sent["submissions"])) == (
        "submitted",
        "ada",
        1,
    )
    assert not sent["submissions"][0]["has_exchange_feedback"]

    (item,) = released.person("ada").own("lab")
    for text in ("first", "regraded"):
        archive = tmp_path / "feedback.zip"
        archive.write_bytes(zipped({"lab.html": text}))
        released.person("ines").client.put_feedback("lab", "ada", item.snapshot.id, archive)
        before, fetched, after = ada.python(FETCH_FEEDBACK)
        assert before["value"][1]["submissions"][0]["has_exchange_feedback"]
        assert before["value"][1]["submissions"][0]["feedback_updated"] is (text == "regraded")
        folder = after["value"][1]["submissions"][0]["local_feedback_path"]
        assert folder == f"lab/feedback/{item.snapshot.timestamp()}"
        assert (ada.folder / folder / "lab.html").read_text() == text


FORMGRADER = """
import json
from nbgrader.apps.api import NbGraderAPI
from nbgrader.apps import NbGrader
app = NbGrader(); app.load_config_file()
api = NbGraderAPI(config=app.config)
facts = [bool(api.exchange_is_functional), sorted(api.get_released_assignments())]
facts += [api.unrelease("lab")["success"], sorted(api.get_released_assignments())]
facts += [api.release_assignment("lab")["success"], sorted(api.get_released_assignments())]
print(json.dumps(facts))
"""


def test_the_formgrader_s_buttons_work(released: Any, make_desk: MakeDesk, tmp_path: Path) -> None:
    submit(released.person("ada"), tmp_path, {"lab.ipynb": "x"}, "lab")
    teacher = make_desk(released.service("formgrader"))
    (teacher.folder / "release/lab").mkdir(parents=True)
    nbformat.write(lab(), teacher.folder / "release/lab/lab.ipynb")
    assert teacher.python(FORMGRADER) == [True, ["lab"], True, [], True, ["lab"]]
    assert len(released.person("ada").own("lab")) == 1


def test_another_version_needs_force_and_submissions_are_never_removed(
    released: Any, make_desk: MakeDesk
) -> None:
    teacher = make_desk(released.service("formgrader"))
    (teacher.folder / "release/lab").mkdir(parents=True)
    (teacher.folder / "release/lab/lab.ipynb").write_text("another")
    assert "add --force" in teacher.nbgrader("release_assignment", "lab", fails=True)
    assert "Released as" in teacher.nbgrader("release_assignment", "lab", "--force")
    said = teacher.nbgrader("list", "--inbound", "--remove", fails=True)
    assert "Submissions are kept" in said


def test_missing_files_come_back_and_nothing_is_overwritten(
    released: Any, make_desk: MakeDesk, tmp_path: Path, zipped: Zipped
) -> None:
    archive = tmp_path / "new.zip"
    archive.write_bytes(zipped({"lab.ipynb": "released", "data/words.txt": "words"}))
    released.person("ines").client.put_release("lab", archive)
    ada = make_desk(released.person("ada"))
    (ada.folder / "lab").mkdir()
    (ada.folder / "lab/lab.ipynb").write_text("my work")
    ada.nbgrader("fetch_assignment", "lab", "--replace")
    assert (ada.folder / "lab/lab.ipynb").read_text() == "my work"
    assert (ada.folder / "lab/data/words.txt").read_text() == "words"


def test_one_plain_message_when_nobody_answers(released: Any, make_desk: MakeDesk) -> None:
    nowhere = "http://127.0.0.1:9/services/exchange"
    ada = make_desk(released.person("ada"), WORKSHOP_EXCHANGE_URL=nowhere)
    (ada.folder / "lab").mkdir()
    said = ada.nbgrader("submit", "lab", fails=True)
    assert f"The exchange at {nowhere} doesn't answer. Your files are untouched." in said
    assert "Traceback" not in said
    del ada.environ["WORKSHOP_EXCHANGE_URL"]
    assert "WORKSHOP_EXCHANGE_URL isn't set" in ada.nbgrader("submit", "lab", fails=True)


def test_a_wrong_course_or_assignment_is_named(released: Any, make_desk: MakeDesk) -> None:
    ada = make_desk(released.person("ada"))
    said = ada.nbgrader("fetch_assignment", "lap", fails=True)
    assert "There is no assignment 'lap'. There is: lab." in said
    said = ada.nbgrader("fetch_assignment", "lab", "--course=physics", fails=True)
    assert "There is no course 'physics' here; this workshop's course is 'nlp'." in said
