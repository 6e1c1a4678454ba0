"""A course that knows nothing of us but one line of its nbgrader_config.py."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import nbgrader
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tests.grader.parity.both_ways import KERNELS_WITHOUT_PORTS

PROJECT = Path(__file__).parents[2]
#: All that an instructor writes.
LINE = 'c.Autograde.exporter_class = "grader.dropin.SealedAutograde"'
FEEDBACK_LINE = 'c.GenerateFeedback.exporter_class = "grader.dropin.SealedFeedback"'
SECRET = "ORCHID-7731"

HONEST = {"square": "def square(x):\n    return x * x", "rows": "rows = read('rows.txt')"}
SUBMISSIONS = {
    "honest": HONEST,
    "half": {**HONEST, "rows": "rows = []"},
    "noisy": {**HONEST, "square": "import sys\nprint('oh', file=sys.stderr)\n" + HONEST["square"]},
    "equal": {
        "square": "class Yes:\n    def __eq__(self, other): return True\n"
        "    def __ge__(self, other): return True\ndef square(x): return Yes()",
        "rows": "class Rows(list):\n    def __eq__(self, other): return True\nrows = Rows()",
    },
    "reader": {
        "square": "import sys\nfrom pathlib import Path\ndef square(x):\n"
        "    frame = sys._getframe()\n    found = []\n"
        "    while frame:\n        found += [dict(frame.f_locals), frame.f_code.co_consts]\n"
        "        frame = frame.f_back\n"
        "    for file in Path('/').glob('**/*.ipynb'): found.append(file.read_text())\n"
        "    found += [Path(p).read_text() for p in ('link.txt', 'linked/ps1.ipynb')"
        " if Path(p).exists()]\n"
        "    print(found)\n    raise ValueError(found)",
        "rows": "print(In, list(Path('.').rglob('*')))\nsquare(1)",
    },
}


def _cell(name: str, source: str, points: int | None = None) -> nbformat.NotebookNode:
    """A solution, or a test when it has points."""
    meta = {"grade_id": name, "schema_version": 3, "task": False}
    meta |= {"grade": points is not None, "solution": points is None, "locked": points is not None}
    if points is not None:
        meta["points"] = points
    return new_code_cell(source, metadata={"nbgrader": meta})


def _source() -> nbformat.NotebookNode:
    notebook = new_notebook(
        cells=[
            new_code_cell("from pathlib import Path"),
            _cell(
                "square",
                "def square(x):\n    ### BEGIN SOLUTION\n    return x * x\n    ### END SOLUTION",
            ),
            _cell(
                "test_square",
                "assert square(2) == 4\n### BEGIN HIDDEN TESTS\n"
                f"marker = {SECRET!r}\nassert square(-3) == 9, marker\n### END HIDDEN TESTS",
                points=2,
            ),
            new_markdown_cell("Read the rows."),
            new_code_cell("def read(file):\n    return Path(file).read_text().split()"),
            _cell("rows", "### BEGIN SOLUTION\nrows = read('rows.txt')\n### END SOLUTION"),
            _cell("test_rows", "assert rows == ['a', 'b', 'c']", points=3),
        ]
    )
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "P", "language": "python"}
    return notebook


@dataclass(frozen=True)
class PlainCourse:
    """A folder that `nbgrader` is run in."""

    root: Path
    environment: dict[str, str]

    def configure(self, *lines: str) -> None:
        own = ("c.CourseDirectory.course_id = 'plain'", *KERNELS_WITHOUT_PORTS, *lines)
        (self.root / "nbgrader_config.py").write_text("\n".join(("c = get_config()", *own, "")))

    def nbgrader(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "nbgrader", *words],
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def submit(self, student: str, answers: dict[str, str]) -> Path:
        folder = self.root / "submitted" / student / "ps1"
        shutil.copytree(self.root / "release/ps1", folder)
        notebook = nbformat.read(folder / "ps1.ipynb", as_version=4)
        for cell in notebook.cells:
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            cell.source = answers.get(name, cell.source)
        nbformat.write(notebook, folder / "ps1.ipynb")
        return folder

    def scores(self) -> dict[str, list[float | None]]:
        """Student to the auto scores of test_rows and test_square."""
        found: dict[str, list[float | None]] = {}
        with sqlite3.connect(self.root / "gradebook.db") as database:
            rows = database.execute(
                "select s.student_id, g.auto_score from grade g"
                " join submitted_notebook n on n.id = g.notebook_id"
                " join submitted_assignment s on s.id = n.assignment_id"
                " join base_cell c on c.id = g.cell_id order by s.student_id, c.name"
            )
            for student, score in rows:
                found.setdefault(student, []).append(score)
        return found

    def verdicts(self) -> dict[str, dict[str, str]]:
        """Student to outcomes by cell."""
        files = self.root.glob("verdicts/ps1/*/ps1/*.json")
        found = [json.loads(file.read_text()) for file in files]
        return {
            each["attendee"]: {cell["cell"]: cell["outcome"] for cell in each["cells"]}
            for each in found
        }


def _environment(python: Path, jupyter: Path) -> dict[str, str]:
    """Variables under which nbgrader finds us, and this Python as the kernel of notebooks."""
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "Python 3", "language": "python"}
    for name in ("python3", "python"):
        (jupyter / "kernels" / name).mkdir(parents=True)
        (jupyter / "kernels" / name / "kernel.json").write_text(json.dumps(spec))
    return {
        **os.environ,
        "PYTHONPATH": str(PROJECT),
        "JUPYTER_PATH": str(jupyter),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }


@pytest.fixture(scope="module")
def released(nlp_python: Path, tmp_path_factory: pytest.TempPathFactory) -> PlainCourse:
    """The course with its assignment generated, and one submission of each sort."""
    root = tmp_path_factory.mktemp("plain")
    course = PlainCourse(root / "course", _environment(nlp_python, root / "jupyter"))
    source = course.root / "source/ps1"
    source.mkdir(parents=True)
    nbformat.write(_source(), source / "ps1.ipynb")
    (source / "rows.txt").write_text("a b c")
    course.configure()
    done = course.nbgrader("generate_assignment", "ps1")
    assert done.returncode == 0, done.stderr
    for student, answers in SUBMISSIONS.items():
        folder = course.submit(student, answers)
    (folder / "link.txt").symlink_to(source / "ps1.ipynb")
    (folder / "linked").symlink_to(source)
    return course


@pytest.fixture
def course(released: PlainCourse, tmp_path: Path) -> PlainCourse:
    """A copy of one's own; nothing is graded yet."""
    return _copy(released, tmp_path / "course", LINE)


def _copy(released: PlainCourse, root: Path, *lines: str) -> PlainCourse:
    shutil.copytree(released.root, root, symlinks=True)
    course = PlainCourse(root, released.environment)
    course.configure(*lines)
    return course


@pytest.fixture(scope="module")
def graded(released: PlainCourse, tmp_path_factory: pytest.TempPathFactory) -> PlainCourse:
    """All graded by the command, with the one line."""
    course = _copy(released, tmp_path_factory.mktemp("graded") / "course", LINE)
    done = course.nbgrader("autograde", "ps1")
    assert done.returncode == 0, done.stderr
    return course


@pytest.fixture(scope="module")
def believed(released: PlainCourse, tmp_path_factory: pytest.TempPathFactory) -> PlainCourse:
    """All graded by the command as nbgrader comes."""
    course = _copy(released, tmp_path_factory.mktemp("believed") / "course")
    (course.root / "submitted/reader/ps1/linked").unlink()  # nbgrader alone stumbles over it
    done = course.nbgrader("autograde", "ps1")
    assert done.returncode == 0, done.stderr
    return course


def test_honest_ones_score_as_in_plain_nbgrader(graded: PlainCourse, believed: PlainCourse) -> None:
    plain, sealed = believed.scores(), graded.scores()
    for student, expected in {"honest": [3, 2], "half": [0, 2]}.items():
        assert sealed[student] == plain[student] == expected


def test_a_word_on_stderr_costs_nothing(graded: PlainCourse) -> None:
    assert graded.scores()["noisy"] == [3, 2]


def test_an_object_that_is_equal_to_everything_gets_nothing(
    graded: PlainCourse, believed: PlainCourse
) -> None:
    assert believed.scores()["equal"] == [3, 2]
    assert graded.scores()["equal"] == [0, 0]
    assert set(graded.verdicts()["equal"].values()) == {"failed"}


def test_a_reader_of_hidden_tests_finds_nothing(graded: PlainCourse, believed: PlainCourse) -> None:
    assert SECRET in _outputs(believed)
    assert "ValueError" in _outputs(graded)
    assert SECRET not in _outputs(graded)
    assert graded.scores()["reader"] == [0, 0]


def _outputs(course: PlainCourse) -> str:
    notebook = nbformat.read(course.root / "autograded/reader/ps1/ps1.ipynb", as_version=4)
    return repr([cell.get("outputs") for cell in notebook.cells])


def test_feedback_shows_reasons_and_no_hidden_source(graded: PlainCourse) -> None:
    graded.configure(LINE, FEEDBACK_LINE)
    assert graded.nbgrader("generate_feedback", "ps1").returncode == 0
    pages = "".join(file.read_text() for file in graded.root.glob("feedback/*/ps1/*.html"))
    assert "hidden checks" in pages
    assert SECRET not in pages


def test_the_python_api_uses_the_engine(course: PlainCourse) -> None:
    script = (
        "from nbgrader.apps import NbGraderAPI\n"
        "from traitlets.config.loader import PyFileConfigLoader\n"
        "config = PyFileConfigLoader('nbgrader_config.py').load_config()\n"
        "assert NbGraderAPI(config=config).autograde('ps1', 'equal')['success']"
    )
    subprocess.run(
        [sys.executable, "-c", script], cwd=course.root, env=course.environment, check=True
    )
    assert course.scores() == {"equal": [0, 0]}


def test_the_formgraders_button_uses_the_engine(
    course: PlainCourse, formgrader: Callable[[PlainCourse], str]
) -> None:
    address = formgrader(course) + "/formgrader/api/submission/ps1/equal/autograde"
    request = urllib.request.Request(address, method="POST")
    request.add_header("Authorization", "token of-this-test")
    with urllib.request.urlopen(request) as answer:
        assert json.loads(answer.read())["success"]
    assert course.scores() == {"equal": [0, 0]}


@pytest.fixture
def formgrader() -> Iterator[Callable[[PlainCourse], str]]:
    """A notebook server in the course's folder, and its address."""
    with contextlib.ExitStack() as opened:

        def serve(course: PlainCourse) -> str:
            with socket.create_server(("127.0.0.1", 0)) as probe:
                port = probe.getsockname()[1]
            words = ["--no-browser", f"--port={port}", "--IdentityProvider.token=of-this-test"]
            words += ["--ServerApp.disable_check_xsrf=True", f"--ServerApp.root_dir={course.root}"]
            words += ["--allow-root", "--ip=127.0.0.1"]
            extension = "nbgrader.server_extensions.formgrader"
            words.append(f"--ServerApp.jpserver_extensions={{'{extension}': True}}")
            server = subprocess.Popen(
                [sys.executable, "-m", "jupyter_server", *words],
                cwd=course.root,
                env=course.environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            opened.callback(server.wait)
            opened.callback(server.terminate)
            _wait_for(f"http://127.0.0.1:{port}/api")
            return f"http://127.0.0.1:{port}"

        yield serve


def _wait_for(address: str) -> None:
    for _ in range(300):
        with contextlib.suppress(urllib.error.URLError), urllib.request.urlopen(address):
            return
        time.sleep(0.1)
    pytest.fail(f"nothing answers at {address}")


def test_without_execution_there_is_no_evidence(course: PlainCourse) -> None:
    done = course.nbgrader("autograde", "ps1", "--student=honest", "--no-execute")
    assert done.returncode == 0, done.stderr
    assert course.scores() == {"honest": [None, None]}
    assert set(course.verdicts()["honest"].values()) == {"not judged"}


def test_a_notebook_that_is_a_link_is_not_read_and_stops_nobody(course: PlainCourse) -> None:
    notebook = course.root / "submitted/equal/ps1/ps1.ipynb"
    notebook.unlink()
    notebook.symlink_to(course.root / "source/ps1/ps1.ipynb")
    assert "is a link" in course.nbgrader("autograde", "ps1", "--student=*[el]*").stderr
    scores = course.scores()
    assert not any(scores["equal"])
    assert scores["half"] == [0, 2]


@pytest.mark.thorough
def test_the_course_that_comes_with_nbgrader_has_the_same_grades(
    nlp_python: Path, tmp_path: Path
) -> None:
    """Several notebooks in an assignment, a header, answers that wait for a person."""
    guide = Path(nbgrader.__file__).parent / "docs/source/user_guide"
    course = PlainCourse(tmp_path / "course", _environment(nlp_python, tmp_path / "jupyter"))
    for folder in ("source/ps1", "submitted"):
        shutil.copytree(guide / folder, course.root / folder)
    shutil.copy(guide / "source/header.ipynb", course.root / "source")
    header = "c.IncludeHeaderFooter.header = 'source/header.ipynb'"
    course.configure(header)
    assert course.nbgrader("generate_assignment", "ps1").returncode == 0
    assert course.nbgrader("autograde", "ps1").returncode == 0
    plain = course.scores()
    course.configure(header, LINE)
    assert course.nbgrader("autograde", "ps1", "--force").returncode == 0
    assert course.scores() == plain
    assert sum(score or 0 for scores in plain.values() for score in scores) > 0
    assert len(list(course.root.glob("verdicts/ps1/*/problem[12]/*.json"))) == 4
