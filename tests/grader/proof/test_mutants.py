"""Automatic mutants: one small change each, inside the gap, the same choice every time."""

from __future__ import annotations

import ast

import pytest

from grader.proof import mutants as module
from grader.proof.lab import Cell
from grader.proof.mutants import chosen_of, mutants_of


def gap(*lines: str, before: str = "def f(a, b):", after: str = "") -> Cell:
    body = [before, "    ### BEGIN SOLUTION", *(f"    {line}" for line in lines)]
    source = "\n".join([*body, "    ### END SOLUTION", *([after] if after else [])])
    return Cell("f", "solution", source, "")


def becomes(*lines: str) -> set[str]:
    return {mutant.becomes for mutant in mutants_of(gap(*lines))}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("return a + b", {"return a - b", "return None"}),
        ("return a @ b", {"return b @ a"}),
        ("return a < b", {"return a <= b", "return a >= b"}),
        ("return a and b", {"return a or b", "return a", "return b"}),
        ("return not a", {"return a"}),
        ("return -a", {"return a"}),
        ("return 3", {"return 4", "return 2"}),
        ("return 0", {"return 1", "return -1"}),
        ("return 'x'", {"return 'xx'"}),
        ("return True", {"return False"}),
        (
            "return a[1:b]",
            {"return a[:b]", "return a[1:]", "return a[1:b + 1]", "return a[1:b - 1]"},
        ),
        ("return range(a)", {"return range(a + 1)", "return range(a - 1)"}),
        ("return f(a, b)", {"return f(b, a)", "return f(a)"}),
        (
            "return a.sum(axis=1)",
            {"return a.mean(axis=1)", "return a.sum()", "return a.sum(axis=2)"},
        ),
        ("return a.sum(axis=-1)", {"return a.sum(axis=1)", "return a.sum(axis=0)"}),
        ("return min(a)", {"return max(a)"}),
        ("a.append(b)", {"pass", "a.insert(0, b)"}),
        ("a += b", {"a -= b", "pass"}),
        ("a[0] = b", {"pass", "a[1] = b"}),
        ("return [x for x in a if x > b]", {"return [x for x in a if True]"}),
        ("return a if b else 0", {"return 0 if b else a"}),
        ("return a, b", {"return (b, a)"}),
    ],
)
def test_what_a_line_becomes(line, expected):
    assert expected <= becomes(line)


def test_the_condition_of_an_if_goes_both_ways():
    assert {"if True:", "if False:"} <= becomes("if a:", "    return b")


def test_a_loop_is_left_out_or_goes_on():
    found = becomes("for x in a:", "    if x:", "        break")
    assert {"continue", "pass"} <= found


def test_a_lone_symmetric_call_is_not_swapped():
    assert "return max(b, a)" not in becomes("return max(a, b)")


def test_operators_bind_as_before():
    (product,) = [m for m in becomes("return (a + b) * 2") if m.startswith("return (a - b)")]
    assert product == "return (a - b) * 2"
    assert "return -(a - b)" in becomes("return -(a + b)")
    # Unparsed alone it would bind the other way: a * b + 1 is no change of a * (b + 1).
    for mutant in mutants_of(gap("return a ** (b + 1)")):
        assert ast.parse(mutant.source)
    assert "return a ** (b - 1)" in becomes("return a ** (b + 1)")


def test_only_the_gap_changes():
    cell = gap("return a + 1", before="def f(a, b=3):\n    c = 4", after="    return 5")
    for mutant in mutants_of(cell):
        assert mutant.source.startswith("def f(a, b=3):\n    c = 4\n")
        assert mutant.source.endswith("    return 5")
        assert mutant.was == "return a + 1"


def test_several_gaps_of_one_cell_all_count():
    first = gap("a = 1").source
    second = "\n".join(gap("return 2").source.splitlines()[1:])
    lines = {m.was for m in mutants_of(Cell("f", "solution", f"{first}\n{second}", ""))}
    assert lines == {"a = 1", "return 2"}


def test_words_for_readers_stay():
    assert becomes('raise ValueError("no " + a)') == {"pass"}
    assert becomes('"""Says what."""', "return None") == set()
    assert becomes('assert a, "a word"') == set()


def test_letters_of_any_script_stand_before_the_change():
    assert "return 'é日🙂', a - b" in becomes("return 'é日🙂', a + b")


def test_no_text_comes_twice_and_none_is_the_reference():
    cell = gap("for x in range(1, a):", "    if x < 1 and b[x:] == b[:x]:", "        return x")
    sources = [mutant.source for mutant in mutants_of(cell)]
    assert len(sources) == len(set(sources)) > 20
    assert cell.source not in sources
    for source in sources:
        compile(source, "<mutant>", "exec")


def test_a_change_over_several_lines_is_told_by_them():
    cell = gap("return f(", "    a,", "    b,", ")")
    swapped = next(m for m in mutants_of(cell) if m.becomes == "return f(b, a)")
    assert swapped.was == "return f(\na,\nb,\n)"
    assert swapped.key == ("f", "return f( a, b, )", "return f(b, a)")


def test_exercises_take_turns_and_the_choice_stays(own_course, monkeypatch):
    monkeypatch.setattr(module, "MOST_PER_LAB", 9)
    chosen, possible = chosen_of(own_course.lab, set())
    assert possible > 9
    assert [mutant.cell for mutant in chosen] == 3 * ["average", "count_words", "most_frequent"]
    assert chosen == chosen_of(own_course.lab, set())[0]
    # An edit in one exercise doesn't choose anew in another one.
    own_course.replace(
        "    return sum(values) / len(values)", "    return sum(values) / (len(values) + 0)"
    )
    again, _ = chosen_of(own_course.lab, set())
    assert [m.key for m in again if m.cell != "average"] == [
        m.key for m in chosen if m.cell != "average"
    ]


def test_equivalents_are_not_counted(own_course):
    chosen, possible = chosen_of(own_course.lab, set())
    apart, fewer = chosen_of(own_course.lab, {chosen[0].key})
    assert fewer == possible - 1
    assert chosen[0].key not in {mutant.key for mutant in apart}


def test_an_exercise_that_trains_gets_few(own_course, monkeypatch):
    monkeypatch.setattr(module, "MOST_PER_SLOW_EXERCISE", 2)
    own_course.replace(
        '# %% nbgrader={"grade": true, "grade_id": "check_average"',
        '# %% tags=["slow"] nbgrader={"grade": true, "grade_id": "check_average"',
    )
    chosen, _ = chosen_of(own_course.lab, set())
    assert sum(mutant.cell == "average" for mutant in chosen) == 2
