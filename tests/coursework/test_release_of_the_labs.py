"""What attendees get of the two labs: the notebook and its data, and a notebook that runs clean."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import nbclient
import nbformat
import yaml
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager

from grader.notebooks import data_files, lab_of_notebook, source_notebook
from grader.spec import CourseSpec


def test_the_course_file_is_one_that_the_grader_reads(request):
    course = request.path.parents[2] / "coursework/nlp"
    spec = CourseSpec.model_validate(yaml.safe_load((course / "course.yaml").read_text()))
    for lab in spec.labs:
        notebook = source_notebook(course / lab.folder / "lab.py", lab)
        found = lab_of_notebook(notebook, lab.name, lab.title)
        assert found.points in (18, 20)
        assert all(exercise.title for exercise in found.exercises)


def test_attendees_get_the_data_and_no_file_of_the_authors(lab):
    given = {str(file) for file in data_files(lab.folder)}
    assert given == {f"data/{file.name}" for file in (lab.folder / "data").iterdir()}


def test_the_notebook_runs_in_its_kernel_without_a_word_on_stderr(lab, nlp_python, tmp_path):
    shutil.copytree(lab.folder / "data", tmp_path / "data")
    executed = execute(lab.source, nlp_python, tmp_path)
    outputs = [output for cell in executed.cells for output in cell.get("outputs", [])]
    assert [output for output in outputs if output.output_type == "error"] == []
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) >= 6


def test_an_untouched_notebook_breaks_at_exercises_only(lab, nlp_python, tmp_path):
    """Pictures wait for their exercise with a sentence; they don't break."""
    shutil.copytree(lab.folder / "data", tmp_path / "data")
    executed = execute(lab.release, nlp_python, tmp_path)
    for cell in executed.cells:
        raised = [output for output in cell.get("outputs", []) if output.output_type == "error"]
        is_check = cell.metadata.get("nbgrader", {}).get("grade", False)
        assert bool(raised) == is_check, cell.source


def execute(notebook: nbformat.NotebookNode, python: Path, folder: Path) -> nbformat.NotebookNode:
    """Run a notebook in a real kernel of the course's environment."""
    spec = folder / "kernels/nlp-cpu"
    spec.mkdir(parents=True)
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel = {"argv": argv, "display_name": "NLP (MXNet, CPU)", "language": "python"}
    (spec / "kernel.json").write_text(json.dumps(kernel))
    specs = KernelSpecManager(kernel_dirs=[str(spec.parent)], ensure_native_kernel=False)
    manager = AsyncKernelManager(kernel_spec_manager=specs, kernel_name="nlp-cpu")
    copy = nbformat.reads(nbformat.writes(notebook), as_version=4)
    resources = {"metadata": {"path": str(folder)}}
    client = nbclient.NotebookClient(
        copy, km=manager, timeout=120, allow_errors=True, resources=resources
    )
    return client.execute()
