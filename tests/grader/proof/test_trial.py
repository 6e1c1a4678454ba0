"""Each promise, broken once: the proof says which and where. All on the engine that grades."""

from __future__ import annotations

import pytest

from grader.events import silent
from grader.proof.command import prove
from grader.proof.record import read_record

AVERAGE = "    return sum(values) / len(values)\n"
LINE_OF_CHECK = (
    'assert "average" in dir(), "Run the cell of exercise 1 first: there is no average yet."\n'
)


def test_the_template_keeps_every_promise(provable):
    said = []
    result = prove(provable.settings(), silent, said.append)
    (proof,) = result["labs"]
    assert result["good"], proof["findings"]
    assert (proof["wrong_answers"]["good"], proof["degenerate"]["good"]) == (7, 3)
    assert proof["mutants"]["caught"] == proof["mutants"]["tried"] >= 20
    assert proof["odd_answers"] == {"tried": 27, "good": 27}
    assert proof["pictures"] == 1
    assert "automatic mutants caught" in said[0]
    assert read_record(provable.lab_folder)["digest"] == proof["digest"]


def test_a_check_that_tests_nothing(provable):
    provable.replace(LINE_OF_CHECK, LINE_OF_CHECK + "if True:\n    raise SystemExit\n")
    findings = provable.prove("disorder").findings
    assert any("the reference does not pass check_average" in each for each in findings)
    provable.replace("if True:\n    raise SystemExit\n", "")
    text = (provable.lab_folder / "lab.py").read_text()
    start = text.index('"check_average"')
    begin = text.index("\n", start) + 1
    end = text.index('print("Exercise 1', begin)
    (provable.lab_folder / "lab.py").write_text(text[:begin] + text[end:])
    findings = provable.prove("disorder").findings
    assert "the untouched release passes check_average: that check tests nothing" in findings


def test_a_given_cell_that_waits_for_nobody(provable):
    provable.add("lab.py", "\n# %%\nprint(average([1, 2]))\n")
    findings = provable.prove("disorder").findings
    assert [each for each in findings if "the untouched release raises" in each] == [
        "the untouched release raises NotImplementedError in 'cell 14'"
    ]


def test_wrong_answers_that_get_something_else(provable):
    provable.add(
        "mutants.yaml",
        """
- name: right
  cell: average
  source: |
    def average(values):
        return sum(values) / len(values) if values else 0.0
  loses: [check_average]
- name: also spoils the counting
  cell: average
  source: |
    def average(values):
        return None
    len = sum
  loses: [check_average]
- name: of nothing
  cell: averge
  source: x
  loses: [check_average]
- name: of another exercise
  cell: average
  kind: degenerate
  source: |
    def average(values):
        return 1
  loses: [check_count_words]
- name: raises and does not say so
  cell: average
  source: |
    def average(values):
        raise OSError("no")
  loses: [check_average]
- name: raises and says so
  cell: average
  raises: true
  source: |
    def average(values):
        raise OSError("no")
  loses: [check_average]
""",
    )
    findings = "\n".join(provable.prove("wrong-answers").findings)
    assert "wrong answer 'right' to average passes check_average" in findings
    assert "wrong answer 'of nothing': no solution cell is called 'averge'" in findings
    assert "wrong answer 'of another exercise': check_count_words is no check of" in findings
    assert (
        "wrong answer 'of another exercise' is degenerate and must lose check_average" in findings
    )
    assert "wrong answer 'of another exercise' to average loses check_average, too" in findings
    assert "wrong answer 'raises and does not say so' to average: check_average says no" in findings
    assert "'raises and says so'" not in findings


def test_a_traceback_from_inside_a_check(provable):
    text = (provable.lab_folder / "lab.py").read_text()
    begin = text.index("    assert isinstance(found, (int, float))")
    end = text.index("    assert math.isfinite(found)")
    (provable.lab_folder / "lab.py").write_text(text[:begin] + text[end:])
    proof = provable.prove("odd-answers")
    mute = [each for each in proof.findings if "says no sentence of its own" in each]
    assert any(each.startswith("None from average: check_average") for each in mute)
    assert proof.odd_answers.good + len(mute) == proof.odd_answers.tried


def test_a_check_that_does_not_ask_for_its_exercise(provable):
    provable.replace(LINE_OF_CHECK, "")
    (finding,) = provable.prove("disorder").findings
    assert finding.startswith("without average: check_average does not say what is missing: Name")


def test_a_mutant_that_survives_and_is_listed(provable):
    text = (provable.lab_folder / "lab.py").read_text()
    begin = text.index("assert _average([]) == 0")
    end = text.index("### BEGIN HIDDEN TESTS", begin)
    (provable.lab_folder / "lab.py").write_text(text[:begin] + text[end:])
    proof = provable.prove("mutants")
    survivors = {(each["was"], each["becomes"]) for each in proof.mutants.survivors}
    assert ("return 0.0", "return 1.0") in survivors
    assert proof.mutants.caught == proof.mutants.tried - len(survivors)
    provable.add(
        "equivalents.yaml",
        """
- {cell: average, was: "return 0.0", becomes: "return 1.0", reason: nobody asks for it any more}
- {cell: average, was: "return  0.0 ", becomes: "return 9", reason: not a mutant that is made}
- {cell: average, was: "return sum(values) / len(values)", becomes: "return None",
   reason: a check catches this one}
""",
    )
    proof = provable.prove("mutants")
    assert proof.mutants.equivalent == 2
    assert ("return 0.0", "return 1.0") not in {
        (each["was"], each["becomes"]) for each in proof.mutants.survivors
    }
    assert proof.findings == [
        "equivalent to average: no mutant turns 'return 0.0' into 'return 9'",
        "equivalent to average: a check catches 'return sum(values) / len(values)' turned into "
        "'return None'",
    ]


def test_an_endless_loop_is_a_wrong_answer_like_others(provable):
    provable.add(
        "mutants.yaml",
        """
- name: never ends
  cell: average
  raises: true
  source: |
    def average(values):
        while True: pass
  loses: [check_average]
""",
    )
    assert provable.prove("wrong-answers").findings == []


def test_what_a_person_would_see_in_the_notebook(provable):
    provable.replace("    plt.show()\n", "    plt.close()\n")
    provable.add(
        "lab.py", '\n# %%\nimport sys\nsys.stderr.write("careful")\n\n# %%\nopen("data/gone.txt")\n'
    )
    findings = provable.prove("notebook").findings
    assert any(each.endswith("is tagged picture and shows none") for each in findings)
    assert any(each.endswith("writes to stderr: careful") for each in findings)
    assert any("raises FileNotFoundError" in each for each in findings)
    assert any("names data/gone.txt, which attendees don't get" in each for each in findings)


@pytest.mark.parametrize(
    ("script", "finding"),
    [
        ("", "make_data.py does not make the bytes that lie in data"),
        ("raise ValueError('no seed')", "make_data.py fails: ValueError: no seed"),
        (None, "there is data but no make_data.py that makes it"),
    ],
)
def test_data_that_nobody_can_make_again(provable, script, finding):
    provable.add("data/words.txt", "a b\n")
    if script is not None:
        provable.add("make_data.py", script)
    assert provable.prove("notebook").findings == [finding]


@pytest.mark.thorough
def test_margins_are_measured_on_demand_and_kept(provable):
    provable.add(
        "margins.py",
        "import json\n"
        "values = [0.6 + n / 100 for n in range(10)]\n"
        'print(json.dumps({"average": {"threshold": 0.5, "values": values}}))\n',
    )
    assert provable.prove("margins").findings == [
        "its margins are not measured for this text: prove with --measure"
    ]
    assert provable.prove(measure=True).findings == []
    kept = provable.prove("margins")
    assert kept.findings == []
    assert (kept.margins["average"].least, kept.margins["average"].margin) == (0.6, 0.1)
    provable.replace("range(10)", "range(9)", "margins.py")
    assert provable.prove("margins", measure=True).findings == [
        "margin of average: 9 seeds, 10 are needed"
    ]
    provable.replace("range(9)", "range(-20, 1)", "margins.py")
    assert provable.prove("margins", measure=True).findings == [
        "margin of average: 0.4 with one seed, 0.5 needed"
    ]
