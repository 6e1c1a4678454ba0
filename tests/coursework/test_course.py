"""course.yaml: labs in teaching order, tracks that hold labs of the course."""

from __future__ import annotations

from grader.notebooks import data_files
from grader.proof.course import read_course


def test_tracks_hold_labs_in_teaching_order(request):
    spec = read_course(request.path.parents[2] / "coursework/nlp")
    order = [lab.name for lab in spec.labs]
    for name, track in spec.tracks.items():
        assert track, f"{name} has no labs"
        assert list(track) == sorted(track, key=order.index), name


def test_attendees_get_the_data_and_no_file_of_the_authors(lab):
    given = {file.parts[0] for file in data_files(lab.folder)}
    assert given <= {"data"}
