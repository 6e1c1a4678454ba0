"""What lies beside a lab is read with the place of every mistake; links; the digest."""

from __future__ import annotations

import dataclasses

import pytest

from grader.errors import BadInput, NotPossibleHere
from grader.proof.collection import read_equivalents, read_wrong_answers
from grader.proof.course import chosen_labs, read_course
from grader.proof.findings import LabProof, Measured
from grader.proof.links import broken_links
from grader.proof.promises import unkept_by_collection
from grader.proof.record import digest_of, keep_record, quickest, read_record

HEADING = "# ## 1. One number for many\n"
CHECK = '"check_average", "locked": true'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- name: no\n", "entry 11: name"),
        ("- {name: a, cell: average, source: x, loses: []}\n", "entry 11: loses"),
        ("- {name: a, cell: average, source: x, loses: [c], sort: b}\n", "entry 11: sort"),
        ("- name: [\n", "mutants.yaml: while parsing"),
    ],
)
def test_a_mistake_in_a_collection_has_a_place(own_course, text, words):
    own_course.add("mutants.yaml", text)
    with pytest.raises(BadInput) as refused:
        read_wrong_answers(own_course.lab_folder)
    assert words in refused.value.message


def test_an_equivalent_needs_a_reason(own_course):
    entry = "- {cell: average, was: a, becomes: b, reason: because}\n"
    own_course.add("equivalents.yaml", entry)
    with pytest.raises(BadInput, match="reason"):
        read_equivalents(own_course.lab_folder)


def test_no_equivalents_are_none(own_course):
    assert read_equivalents(own_course.lab_folder) == ()


def test_what_a_collection_must_have(own_course):
    answers = read_wrong_answers(own_course.lab_folder)
    assert list(unkept_by_collection(own_course.lab, answers)) == []
    few = [answer for answer in answers if answer.cell != "average"][:5]
    assert list(unkept_by_collection(own_course.lab, few)) == [
        "5 wrong answers are kept, 8 are needed",
        "average has 0 wrong answers, it needs 2",
        "average has no wrong answer of `kind: degenerate`",
        "most_frequent has no wrong answer of `kind: degenerate`",
    ]


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("[here](data/words.txt)", ""),
        ("[here](./data/words.txt)", ""),
        ("[there](#Going-further)", ""),
        ("[web](https://d2l.ai/chapter.html), <https://d2l.ai>, https://d2l.ai.", ""),
        ('<img src="data/words.txt">', ""),
        ("a table `[x](y)` in code", ""),
        ("[gone](data/gone.txt)", "attendees don't get that file"),
        ("![picture](picture.png)", "attendees don't get that file"),
        ("[up](../tokenisation/lab.py)", "attendees don't get that file"),
        ("[there](#Nowhere)", "no heading has this name"),
        ("[web](https://nothing)", "that is no address"),
        ('<img src="gone.png">', "attendees don't get that file"),
        ('`"data/gone.txt"`', "names data/gone.txt"),
    ],
)
def test_links_lead_somewhere(own_course, written, fault):
    own_course.add("data/words.txt", "a b\n")
    own_course.replace(HEADING, f"{HEADING}#\n# {written}\n")
    found = list(broken_links(own_course.lab))
    assert len(found) == bool(fault), found
    assert fault in "".join(found)


def test_the_digest_is_about_code_data_and_collections_not_about_prose(own_course):
    def digest(environment="e"):
        return digest_of(own_course.lab, environment)

    first = digest()
    own_course.replace(HEADING, HEADING + "#\n# More words.\n")
    own_course.add("instructor.md", "more\n")
    assert digest() == first
    assert digest("other packages") != first
    seen = {first}
    changes = [
        lambda: own_course.replace("the cat sat", "a cat sat"),
        lambda: own_course.replace(f'{CHECK}, "points": 2', f'{CHECK}, "points": 3'),
        lambda: own_course.add("data/words.txt", "a\n"),
        lambda: own_course.add("mutants.yaml", "\n# read again\n"),
        lambda: own_course.add("equivalents.yaml", "[]\n"),
        lambda: own_course.add("margins.py", "\n"),
    ]
    for change in changes:
        change()
        assert digest() not in seen
        seen.add(digest())


def test_a_record_keeps_the_quickest_run_of_the_same_text(own_course):
    folder = own_course.lab_folder
    assert read_record(folder) == {}
    slow = LabProof("words", "d", 6, {}, measured=Measured(seconds=9.0))
    quick = dataclasses.replace(slow, measured=Measured(seconds=2.0))
    keep_record(folder, quick)
    assert quickest(folder, slow).seconds == 2.0
    assert quickest(folder, dataclasses.replace(slow, digest="another")).seconds == 9.0
    assert read_record(folder)["measured"]["seconds"] == 2.0
    keep_record(folder, dataclasses.replace(slow, measured=Measured(seconds=1.0, busy=True)))
    assert quickest(folder, slow).seconds == 9.0


def test_a_record_that_is_none_counts_as_none(own_course):
    own_course.add("proof.json", "[1]")
    assert read_record(own_course.lab_folder) == {}
    (own_course.lab_folder / "proof.json").write_text("{")
    assert read_record(own_course.lab_folder) == {}


def test_a_lab_that_course_yaml_does_not_name_yet(own_course):
    spec = read_course(own_course.folder)
    (own_course.folder / "draft").mkdir()
    text = (own_course.lab_folder / "lab.py").read_text().replace("name: nlp-cpu", "name: deploy")
    (own_course.folder / "draft/lab.py").write_text(text)
    assert chosen_labs(own_course.folder, spec, []) == spec.labs
    (draft,) = chosen_labs(own_course.folder, spec, ["draft"])
    assert (draft.folder, draft.environment) == ("draft", "deploy")
    with pytest.raises(BadInput, match="there is no lab 'nothing'"):
        chosen_labs(own_course.folder, spec, ["nothing"])


def test_a_course_that_is_none_has_a_place(own_course):
    (own_course.folder / "course.yaml").write_text("name: mine\ntitle: x\nlabs: []\n")
    with pytest.raises(BadInput, match="labs"):
        read_course(own_course.folder)


def test_a_lab_that_is_judged_in_the_kernel_is_refused(own_course):
    file = own_course.folder / "course.yaml"
    file.write_text(file.read_text().replace("nlp-cpu", "nlp-cpu, judging: in-kernel"))
    with pytest.raises(NotPossibleHere, match="in the attendee's kernel"):
        own_course.prove()
