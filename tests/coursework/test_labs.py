"""What every lab promises to whoever takes it, and to whoever trusts its points."""

from __future__ import annotations

import ast
import re

from nbgrader.preprocessors import ClearHiddenTests

from grader.notebooks import data_files, lab_of_notebook
from grader.proof.links import broken_links


def checks_of(lab):
    return [cell for cell in lab.cells if cell.kind == "test"]


def test_the_reference_passes_every_check_on_any_inputs(light_lab, on_trial):
    proof = on_trial(light_lab)
    assert proof.reference.tried >= 4
    assert proof.reference.good == proof.reference.tried, proof.findings


def test_the_untouched_release_scores_zero_and_breaks_at_its_checks_only(light_lab, on_trial):
    proof = on_trial(light_lab)
    assert proof.untouched.tried == len(light_lab.checks) > 0
    assert proof.untouched.good == proof.untouched.tried, proof.findings
    assert not [finding for finding in proof.findings if "untouched" in finding]


def test_each_wrong_answer_loses_exactly_its_checks(light_lab, on_trial):
    proof = on_trial(light_lab)
    assert proof.wrong_answers.tried >= 8
    assert proof.wrong_answers.good == proof.wrong_answers.tried, proof.findings
    assert proof.degenerate.tried >= len(light_lab.exercises)
    assert proof.degenerate.good == proof.degenerate.tried, proof.findings


def test_the_release_shows_neither_solutions_nor_hidden_checks(lab):
    release, _ = ClearHiddenTests().preprocess(lab.release, {})
    text = "\n".join(cell.source for cell in release.cells)
    assert "BEGIN SOLUTION" not in text
    assert "HIDDEN TESTS" not in text
    gaps = sum(cell.source.count("BEGIN SOLUTION") for cell in lab.cells)
    assert text.count("raise NotImplementedError()") >= gaps


def test_every_assertion_says_what_to_think_about(lab):
    for cell in checks_of(lab):
        for node in ast.walk(ast.parse(cell.source)):
            assert not isinstance(node, ast.Assert) or node.msg, f"{cell.id}: {ast.unparse(node)}"


def test_every_exercise_is_asked_about_fresh_inputs(lab):
    drawn = re.compile(r"\brng\b|\b_?random\b|_rng\b")
    for exercise in lab.exercises:
        fresh = [check.id for check in exercise.checks if drawn.search(check.source)]
        assert fresh, f"{exercise.name}: no check draws its inputs"


def test_three_to_six_exercises_and_something_for_the_quick(lab):
    assert 3 <= len(lab.exercises) <= 6
    assert any("Going further" in cell.source for cell in lab.notebook.cells)
    assert any(cell.picture for cell in lab.cells)
    assert (lab.folder / "instructor.md").is_file()


def test_the_report_can_name_every_exercise(lab):
    found = lab_of_notebook(lab.notebook, lab.spec.name, lab.spec.title)
    assert found.points > 0
    assert all(exercise.title.startswith("Exercise") for exercise in found.exercises), found


def test_links_and_data_files_are_there(lab):
    assert list(broken_links(lab)) == []
    assert sum((lab.folder / file).stat().st_size for file in data_files(lab.folder)) < 1_000_000
