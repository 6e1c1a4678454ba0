"""`course new`: a lab from the template, and its line in a course.yaml that stays as it was."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from hub_config.new_lab import with_lab, write_lab
from provisioning.errors import AlreadyTaken, BadInput

PROJECT = Path(__file__).parents[2]
TEMPLATE = PROJECT / "coursework/template"
ENTRY = "- name: new\n  title: New"
FILE = Path("course.yaml")


@pytest.fixture
def course(tmp_path):
    (tmp_path / "course.yaml").write_text(
        "# ours\nname: mine\ntitle: Mine\nlabs:\n  - name: old  # kept\n    title: Old\n"
        "\n# and then\ntracks:\n  short: [old]\n"
    )
    return tmp_path


def test_the_lab_is_the_template_under_its_own_name(course):
    folder = write_lab(course, "word-counts", 'Which "words"?', "deploy", TEMPLATE)
    lab = (folder / "lab.py").read_text()
    assert '\n# # Which "words"?\n' in lab
    assert re.findall(r"^#\s+(?:display_)?name: (\S+)$", lab, re.MULTILINE) == ["deploy", "deploy"]
    assert (folder / "instructor.md").read_text().startswith('# Which "words"?')
    assert {file.name for file in folder.iterdir()} == {"instructor.md", "lab.py", "mutants.yaml"}
    found = yaml.safe_load((course / "course.yaml").read_text())
    assert found["labs"][1] == {
        "name": "word-counts",
        "title": 'Which "words"?',
        "folder": "word-counts",
        "environment": "deploy",
        "minutes": 30,
        "cell_seconds": 60,
    }


def test_course_yaml_keeps_its_comments_and_its_order(course):
    before = (course / "course.yaml").read_text()
    write_lab(course, "new", "New", "nlp-cpu", TEMPLATE)
    after = (course / "course.yaml").read_text()
    start = before.index("\n# and then")
    assert after.startswith(before[:start])
    assert after.endswith(before[start:])


@pytest.mark.parametrize(
    "text",
    [
        "labs:\n- name: old\n  title: Old\ntracks: {}\n",
        "labs:  # in order\n    - {name: old, title: Old}\n",
        "labs:\n  - {name: old, title: Old}",
        "tracks: {}\nlabs:\n  - name: old\n    # about the title\n    title: Old\n\n\n",
    ],
)
def test_any_layout_of_the_list_grows(text):
    labs = yaml.safe_load(with_lab(text, ENTRY, FILE))["labs"]
    assert labs == [{"name": "old", "title": "Old"}, {"name": "new", "title": "New"}]


@pytest.mark.parametrize("text", ["labs: []\n", "labs: [{name: old}]\n", "name: x\n"])
def test_a_list_that_cannot_grow_is_refused_in_words(text):
    with pytest.raises(BadInput, match="found no list of labs that can grow"):
        with_lab(text, ENTRY, FILE)


def test_nothing_is_overwritten_and_nothing_half_made(course):
    write_lab(course, "new", "New", "nlp-cpu", TEMPLATE)
    before = (course / "course.yaml").read_text()
    with pytest.raises(AlreadyTaken):
        write_lab(course, "new", "New", "nlp-cpu", TEMPLATE)
    with pytest.raises(BadInput, match="can't be called"):
        write_lab(course, "../new", "New", "nlp-cpu", TEMPLATE)
    with pytest.raises(BadInput, match="no such file"):
        write_lab(course / "new", "newer", "New", "nlp-cpu", TEMPLATE)
    assert (course / "course.yaml").read_text() == before
    (course / "course.yaml").write_text("labs: []\n")
    with pytest.raises(BadInput):
        write_lab(course, "newest", "New", "nlp-cpu", TEMPLATE)
    assert not (course / "newest").exists()
