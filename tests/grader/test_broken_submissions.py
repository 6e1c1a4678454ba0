"""A broken notebook is graded as far as it can be, with a reason, and stops nobody else."""

from __future__ import annotations

import copy
import json

import nbformat
import pytest

FULL = {"check-total": 2.0, "check-double": 3.0, "check-largest": 5.0}
NONE = dict.fromkeys(FULL)


def cell_named(notebook, name):
    return next(
        cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == name
    )


def right(course, answers):
    """The release with all right answers, as a notebook to be broken."""
    notebook = course.released_notebook()
    for name, source in answers.items():
        cell_named(notebook, name).source = source
    return notebook


def without(name):
    def change(notebook):
        notebook.cells.remove(cell_named(notebook, name))

    return change


def twice(name):
    def change(notebook):
        notebook.cells.append(copy.deepcopy(cell_named(notebook, name)))

    return change


def weaker_check(notebook):
    cell_named(notebook, "check-double").source = "pass"


def more_points(notebook):
    cell_named(notebook, "check-total").metadata.nbgrader.points = 1000


def retyped(notebook):
    cell = cell_named(notebook, "check-largest")
    cell.cell_type = "markdown"
    del cell["outputs"], cell["execution_count"]


def metadata_of_wrong_type(notebook):
    cell_named(notebook, "check-total").metadata.nbgrader = {
        "grade_id": "check-total",
        "grade": "perhaps",
        "points": {"many": 1},
        "schema_version": 99,
    }
    notebook.cells[0].metadata["nbgrader"] = "yes"
    notebook.cells[2].metadata["nbgrader"] = ["no"]


def ungraded(notebook):
    cell_named(notebook, "check-double").metadata.nbgrader.grade = False


def renamed(notebook):
    cell_named(notebook, "check-double").metadata.nbgrader.grade_id = "something-else"


def other_kernel(notebook):
    notebook.metadata.kernelspec = {"name": "no-such-kernel", "display_name": "?"}


def old_format(notebook):
    notebook.nbformat_minor = 2
    for cell in notebook.cells:
        cell.pop("id", None)


def extra_cells(notebook):
    extra = nbformat.v4.new_code_cell("1 / 0", metadata={"nbgrader": {"grade_id": "check-extra"}})
    notebook.cells.insert(0, extra)


#: Change to the scores that remain; None is "not judged".
CHANGES = {
    "weaker-check": (weaker_check, FULL),
    "more-points": (more_points, FULL),
    "retyped": (retyped, FULL),
    "wrong-types": (metadata_of_wrong_type, FULL),
    "ungraded": (ungraded, FULL),
    "other-kernel": (other_kernel, FULL),
    "old-format": (old_format, FULL),
    "extra-cells": (extra_cells, FULL),
    "check-twice": (twice("check-total"), FULL),
    "solution-twice": (twice("double"), FULL),
    "renamed": (renamed, FULL | {"check-double": None}),
    "check-gone": (without("check-largest"), FULL | {"check-largest": None}),
    "solution-gone": (without("double"), FULL | {"check-double": 0.0}),
}
#: Content of the notebook's file to the reason that an assistant reads.
UNREADABLE = {
    "not-json": ("{ this is no notebook", "sums.ipynb is not JSON"),
    "not-a-notebook": ('{"cells": 3}', "sums.ipynb is JSON, but not a notebook"),
    "a-list": ("[1, 2]", "sums.ipynb is JSON, but not a notebook"),
    "format-5": ('{"nbformat": 5, "cells": []}', "sums.ipynb has notebook format 5, not 4"),
    "no-cells": ('{"nbformat": 4, "nbformat_minor": 5}', "sums.ipynb is a damaged notebook"),
    "cells-of-numbers": (
        '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [1]}',
        "sums.ipynb is a damaged notebook",
    ),
    "binary": ("\x00\x01\x02", "sums.ipynb is not JSON"),
    "empty": ("", "sums.ipynb is not JSON"),
}


@pytest.fixture(scope="module")
def batch(tmp_path_factory, copy_released, answers):
    """All of them, and an honest one at each end of the alphabet, in one batch."""
    course = copy_released(tmp_path_factory.mktemp("broken"))
    for name, (change, _) in CHANGES.items():
        notebook = right(course, answers)
        change(notebook)
        course.submit(name, json.dumps(notebook))
    for name, (content, _) in UNREADABLE.items():
        course.submit(name, content)
    (course.submit("gone", "") / "sums.ipynb").unlink()
    for name in ("aaa-honest", "zzz-honest"):
        course.submit_answers(name, answers)
    return course, course.grade()


@pytest.fixture
def broken_class(batch):
    return batch[0]


@pytest.fixture
def done(batch):
    return batch[1]


@pytest.mark.parametrize("name", ["aaa-honest", "zzz-honest"])
def test_the_others_are_graded(broken_class, name):
    assert broken_class.scores()[name] == FULL


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_a_changed_notebook_is_graded_as_far_as_it_can_be(broken_class, name):
    cells = broken_class.verdict(name)["cells"]
    assert broken_class.scores()[name] == CHANGES[name][1], cells


@pytest.mark.parametrize("name", sorted(UNREADABLE))
def test_an_unreadable_notebook_is_not_judged(broken_class, name):
    assert broken_class.scores()[name] == NONE
    assert broken_class.verdict(name)["problem"].startswith(UNREADABLE[name][1])


def test_a_submission_without_its_notebook_is_not_judged(broken_class):
    assert broken_class.scores()["gone"] == NONE
    assert broken_class.verdict("gone")["problem"] == "the submission has no sums.ipynb"


def test_what_could_not_be_judged_waits_for_an_assistant(done):
    waiting = {(one.attendee, one.cell): one.reason for one in done.queue}
    assert waiting[("check-gone", "check-largest")] == "this check is missing from the submission"
    assert {attendee for attendee, _ in waiting} == {*UNREADABLE, "gone", "renamed", "check-gone"}


def test_repeating_it_has_nothing_to_do_but_keeps_the_queue(broken_class, done):
    again = broken_class.grade()
    assert again.judged == 0
    assert again.queue == done.queue


def test_an_environment_that_can_not_start_is_our_fault_and_tried_again(
    released, answers, tmp_path
):
    released.submit_answers("ada", answers)
    released.submit_answers("grace", answers)
    light = released.settings.environments["light"]
    gone = light.model_copy(update={"python": tmp_path / "gone"})
    with released.with_settings(environments={"light": gone}).cold_workplace() as place:
        done = released.grade_in(place)
    assert {one.attendee for one in done.queue} == {"ada", "grace"}
    assert "the environment 'light' can't judge" in done.queue[0].reason
    assert released.scores()["ada"] == NONE
    assert released.grade().judged == 2
    assert released.scores()["ada"] == FULL


def test_a_kernel_that_can_not_start_is_our_fault_in_kernel_too(released_in_kernel, answers):
    course = released_in_kernel
    course.submit_answers("ada", answers)
    place = course.workplace()
    kernel = course.folder.kernels / "light/kernel.json"
    python = str(course.settings.environments["light"].python)
    kernel.write_text(kernel.read_text().replace(python, "/gone"))
    done = course.grade_in(place)
    assert "the kernel 'light' did not start" in done.queue[0].reason
    assert course.scores()["ada"] == NONE
    assert course.grade().judged == 1
    assert course.scores()["ada"] == FULL
