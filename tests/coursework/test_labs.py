"""What every lab promises, run on the real kernel environment."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from typing import Any

import yaml


def lost(lab: Any, outcome: dict[str, dict[str, Any]]) -> set[str]:
    return {check for check in lab.checks if not outcome[check]["passed"]}


def errors(lab: Any, outcome: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {check: outcome[check]["error"] + outcome[check]["stderr"] for check in lab.checks}


def test_the_reference_passes_every_check_on_any_inputs(lab, outcomes_of):
    outcomes = outcomes_of(lab)
    for name in ["reference", *(name for name in outcomes if name.startswith("reference again"))]:
        assert lost(lab, outcomes[name]) == set(), errors(lab, outcomes[name])


def test_no_cell_of_the_reference_raises(lab, outcomes_of):
    broken = {id: cell for id, cell in outcomes_of(lab)["reference"].items() if cell["error"]}
    assert broken == {}


def test_the_untouched_release_scores_zero(lab, outcomes_of):
    assert lost(lab, outcomes_of(lab)["untouched"]) == lab.checks


def test_an_open_exercise_costs_its_own_checks_only(lab, outcomes_of):
    for exercise, checks in lab.exercises.items():
        assert lost(lab, outcomes_of(lab)[f"open {exercise}"]) == set(checks)


def test_a_wrong_answer_loses_exactly_its_checks(lab, mutant, outcomes_of):
    outcome = outcomes_of(lab)[f"mutant {mutant['name']} {mutant['cell']}"]
    assert lost(lab, outcome) == set(mutant["loses"]), errors(lab, outcome)


def test_checks_explain_in_a_sentence_instead_of_a_traceback(lab, mutant, outcomes_of):
    outcome = outcomes_of(lab)[f"mutant {mutant['name']} {mutant['cell']}"]
    for check in mutant["loses"]:
        kind, _, message = outcome[check]["error"].partition(": ")
        if mutant["name"] in RAISES_ITSELF:
            continue
        assert kind == "AssertionError", (check, outcome[check])
        assert len(message) > 30, message
        assert message.endswith((".", "?")), message


#: Their own code raises inside the call, so the attendee sees their own line.
RAISES_ITSELF = {"raises on unfinished characters", "always refuses"}


def test_each_exercise_has_two_wrong_answers_or_more(lab):
    kept = Counter(mutant["cell"] for mutant in lab.mutants)
    assert {exercise: kept[exercise] >= 2 for exercise in lab.exercises} == dict.fromkeys(
        lab.exercises, True
    )
    for mutant in lab.mutants:
        assert mutant.keys() == {"name", "cell", "source", "loses"}
        assert mutant["loses"], f"{mutant['name']} must lose something"
        assert set(mutant["loses"]) <= set(lab.exercises[mutant["cell"]])


def test_checks_need_nothing_but_the_attendees_functions_by_value(lab, outcomes_of):
    assert lost(lab, outcomes_of(lab)["apart"]) == set(), errors(lab, outcomes_of(lab)["apart"])


def test_checks_are_quick_and_so_is_the_whole_lab(lab, outcomes_of):
    reference = outcomes_of(lab)["reference"]
    slow = {check: reference[check]["cpu_seconds"] for check in lab.checks}
    assert max(slow.values()) < 1, slow
    assert sum(cell["cpu_seconds"] for cell in reference.values()) < 15


def test_the_release_shows_neither_solutions_nor_hidden_checks(lab):
    text = "\n".join(cell.source for cell in lab.release.cells)
    for marker in ("BEGIN SOLUTION", "HIDDEN TESTS", "_reference"):
        assert marker not in text
    assert text.count("raise NotImplementedError()") >= len(lab.exercises)


def test_every_assertion_says_what_to_think_about(lab):
    for cell in lab.source.cells:
        if cell.metadata.get("nbgrader", {}).get("grade"):
            for node in ast.walk(ast.parse(cell.source)):
                assert not isinstance(node, ast.Assert) or node.msg, ast.unparse(node)


def test_every_check_has_a_hidden_part_or_draws_its_inputs(lab):
    for cell in lab.source.cells:
        if cell.metadata.get("nbgrader", {}).get("grade"):
            assert "rng" in cell.source, cell.metadata["nbgrader"]["grade_id"]


def test_four_to_six_exercises_and_something_for_the_quick(lab):
    assert 4 <= len(lab.exercises) <= 6
    assert any("Going further" in cell.source for cell in lab.source.cells)
    assert any("picture" in cell.metadata.get("tags", []) for cell in lab.source.cells)
    assert (lab.folder / "instructor.md").is_file()


def test_the_data_is_small_and_made_by_its_script(lab, tmp_path):
    subprocess.run([sys.executable, lab.folder / "make_data.py", tmp_path], check=True)
    kept = {file.name: file.read_bytes() for file in (lab.folder / "data").iterdir()}
    made = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert made == kept
    assert sum(map(len, kept.values())) < 1_000_000


def test_tracks_hold_labs_of_the_course_only(request):
    course = yaml.safe_load((request.path.parents[2] / "coursework/nlp/course.yaml").read_text())
    names = [lab["name"] for lab in course["labs"]]
    for track in course["tracks"].values():
        assert track, "a track without labs"
        assert set(track) <= set(names)
