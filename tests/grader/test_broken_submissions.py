"""A broken notebook is graded as far as it can be, with a reason, and stops nobody else."""

from __future__ import annotations

import copy
import json
import os

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


def old_schema(notebook):
    """As nbgrader wrote it years ago; its own batch stops there."""
    for cell in notebook.cells:
        if "nbgrader" in cell.metadata:
            cell.metadata.nbgrader.schema_version = 1


def reordered(notebook):
    """All checks first: nothing is there yet to be checked."""
    notebook.cells.sort(key=lambda cell: not cell.metadata.get("nbgrader", {}).get("grade"))


def weird_metadata(notebook):
    notebook.metadata = {"kernelspec": 5, "language_info": [], "widgets": {"state": "?"}}
    for cell in notebook.cells:
        cell.metadata |= {"tags": 7, "collapsed": "perhaps", "trusted": {}, "name": 3}


def two_ids_alike(notebook):
    for cell in notebook.cells:
        cell["id"] = "the-same"


def half_a_character(notebook):
    cell_named(notebook, "double").source += "\n# \ud83d"


def forged_verdict(notebook):
    notebook.metadata["workshop_verdict"] = "0" * 64
    notebook.metadata["workshop_sealed"] = "yes"


def full_of_outputs(notebook):
    """Outputs count for nothing, whatever they are."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [
                {"output_type": "stream", "name": "stdout", "text": "x" * 1_000_000},
                {"output_type": "error", "ename": "E", "evalue": "", "traceback": []},
            ]


def very_many_cells(notebook):
    notebook.cells += [nbformat.v4.new_code_cell("pass") for _ in range(300)]


def format_3(course, place, answers):
    notebook = nbformat.convert(right(course, answers), 3)
    (place / "sums.ipynb").write_text(nbformat.v3.writes_json(notebook))


def another_lab(course, place, answers):
    notebook = right(course, answers)
    for cell in notebook.cells:
        if "nbgrader" in cell.metadata:
            cell.metadata.nbgrader.grade_id += "-of-another-lab"
    (place / "sums.ipynb").write_text(json.dumps(notebook))


def another_name(course, place, answers):
    (place / "sums.ipynb").rename(place / "Sums (1).ipynb")


def huge(course, place, answers):
    """500 MB on paper: the file has a hole."""
    with (place / "sums.ipynb").open("r+b") as file:
        file.truncate(500_000_000)


def a_link(course, place, answers):
    (place / "sums.ipynb").unlink()
    (place / "sums.ipynb").symlink_to(course.folder.source_notebook("sums"))


def a_folder(course, place, answers):
    (place / "sums.ipynb").unlink()
    (place / "sums.ipynb").mkdir()


def a_pipe(course, place, answers):
    """Whoever opens it waits for ever."""
    (place / "sums.ipynb").unlink()
    os.mkfifo(place / "sums.ipynb")


def odd_company(course, place, answers):
    """Binary files, links that lead nowhere or in a circle, a pipe, names that hurt."""
    (place / "photo.png").write_bytes(bytes(range(256)) * 4000)
    (place / "nowhere").symlink_to("gone")
    (place / "circle").symlink_to(".")
    (place / "data/numbers.txt").unlink()
    (place / "data/numbers.txt").symlink_to("/etc/passwd")
    os.mkfifo(place / "pipe")
    (place / "two\nlines $(ls) \u202e.txt").write_text("?")
    (place / "other.ipynb").write_text("not JSON either")


#: Change to the scores that remain; None is "not judged".
CHANGES = {
    "old-schema": (old_schema, FULL),
    "reordered": (reordered, dict.fromkeys(FULL, 0.0)),
    "weird-metadata": (weird_metadata, FULL),
    "two-ids-alike": (two_ids_alike, FULL),
    "half-a-character": (half_a_character, FULL),
    "forged-verdict": (forged_verdict, FULL),
    "full-of-outputs": (full_of_outputs, FULL),
    "very-many-cells": (very_many_cells, FULL),
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
#: What is done to the folder of right answers, and what remains: the scores, or the reason.
FOLDERS = {
    "format-3": (format_3, FULL),
    "odd-company": (odd_company, FULL),
    "another-lab": (another_lab, "no check of this lab is in the notebook"),
    "another-name": (another_name, "the submission has no sums.ipynb"),
    "huge": (huge, "sums.ipynb is larger than 50 MB"),
    "a-link": (a_link, "sums.ipynb is a link, not a notebook"),
    "a-folder": (a_folder, "the submission has no sums.ipynb"),
    "a-pipe": (a_pipe, "the submission has no sums.ipynb"),
}
HOPELESS = sorted(name for name, (_, left) in FOLDERS.items() if left is not FULL)
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
    "too-deep": ("[" * 100_000, "sums.ipynb is not JSON"),
    "format-in-words": ('{"nbformat": "4", "cells": []}', "sums.ipynb has notebook format '4'"),
    "format-2": ('{"nbformat": 2, "worksheets": []}', "sums.ipynb has notebook format 2, not 4"),
    "source-of-numbers": (
        '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells":'
        ' [{"cell_type": "code", "source": 5, "metadata": {}, "outputs": []}]}',
        "sums.ipynb",
    ),
    "metadata-is-a-list": (
        '{"nbformat": 4, "nbformat_minor": 5, "metadata": [], "cells": []}',
        "sums.ipynb",
    ),
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
    for name, (change, _) in FOLDERS.items():
        change(course, course.submit_answers(name, answers), answers)
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


@pytest.mark.parametrize("name", sorted(FOLDERS.keys() - set(HOPELESS)))
def test_an_odd_folder_is_graded_as_far_as_it_can_be(broken_class, name):
    assert broken_class.scores()[name] == FULL, broken_class.verdict(name)["cells"]


@pytest.mark.parametrize("name", HOPELESS)
def test_a_hopeless_folder_waits_with_a_reason(broken_class, done, name):
    assert broken_class.scores()[name] == NONE
    reasons = {one.reason for one in done.queue if one.attendee == name}
    assert {reason.startswith(FOLDERS[name][1]) for reason in reasons} == {True}


def test_nothing_that_was_handed_in_is_lost(broken_class):
    submitted = broken_class.folder.all_submitted
    assert {place.name for place in submitted.iterdir()} == broken_class.scores().keys()
    assert (submitted / "huge/sums/sums.ipynb").stat().st_size == 500_000_000


def test_a_submission_without_its_notebook_is_not_judged(broken_class):
    assert broken_class.scores()["gone"] == NONE
    assert broken_class.verdict("gone")["problem"] == "the submission has no sums.ipynb"


def test_what_could_not_be_judged_waits_for_an_assistant(done):
    waiting = {(one.attendee, one.cell): one.reason for one in done.queue}
    assert waiting[("check-gone", "check-largest")] == "this check is missing from the submission"
    cells = {"gone", "renamed", "check-gone"}
    assert {attendee for attendee, _ in waiting} == {*UNREADABLE, *HOPELESS, *cells}


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
