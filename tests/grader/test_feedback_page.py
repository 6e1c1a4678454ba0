"""A feedback page says at its top what each exercise brought, and why points were lost."""

from __future__ import annotations

from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from grader.feedback_page import exercise_marks


def answer(name: str, comment: str = ""):
    meta = {"grade_id": name, "grade": False, "solution": True, "comment": comment}
    return new_code_cell("answer", metadata={"nbgrader": meta})


def check(name: str, score: float, points: float, reason: str = ""):
    meta = {"grade_id": name, "grade": True, "solution": False, "score": score, "points": points}
    outputs = [new_output("error", ename="AssertionError", evalue=reason)] if reason else []
    return new_code_cell("check", metadata={"nbgrader": meta}, outputs=outputs)


def test_checks_below_one_heading_are_one_exercise() -> None:
    cells = [
        new_markdown_cell("# Lab\n## Exercise 1: add"),
        answer("add", "Nicely short."),
        check("check_add", 2, 2),
        new_markdown_cell("No heading here."),
        check("check_add_negative", 0, 1, "-1 + 1 is 0"),
        new_markdown_cell("## Exercise 2: divide"),
        answer("divide"),
        check("check_divide", 0, 2, "Dividing by 0 is no answer"),
    ]
    first, second = exercise_marks(cells)
    assert (first.title, first.score, first.points, first.state) == (
        "Exercise 1: add",
        2,
        3,
        "part",
    )
    assert first.remarks == ("-1 + 1 is 0", "Nicely short.")
    assert first.anchor == "check_add"
    assert (second.state, second.remarks) == ("none", ("Dividing by 0 is no answer",))


def test_full_marks_need_no_words() -> None:
    (mark,) = exercise_marks([check("one", 1, 1, "noise on the way to a pass")])
    assert (mark.state, mark.remarks) == ("full", ())


def test_an_empty_answer_is_said_to_be_one() -> None:
    cells = [answer("add", "No response."), check("check_add", 0, 2, "NotImplementedError")]
    (mark,) = exercise_marks(cells)
    assert mark.remarks == ("No response.",)


def test_a_long_reason_is_cut() -> None:
    (mark,) = exercise_marks([check("one", 0, 1, "x" * 10_000)])
    assert len(mark.remarks[0]) < 400
