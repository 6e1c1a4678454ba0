"""A roster is typed by tired people: each mistake is one message with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hub_config.people import Person, walk_ins
from hub_config.roster import read_roster
from hub_config.usernames import RESERVED, is_username
from provisioning.errors import BadInput

HEADER = "name,email,role\n"
UTF8 = "save the file as UTF-8 (in Excel: file type 'CSV UTF-8')"


def write(folder: Path, data: str | bytes) -> Path:
    path = folder / "roster.csv"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def people(folder: Path, data: str | bytes) -> list[tuple[str, str, str, str, int]]:
    read = read_roster(write(folder, data))
    return [(p.name, p.email, p.role, p.username, p.line) for p in read]


ANN = ("Ann Lee", "ann@example.org", "attendee", "ann", 2)
ADA = ("Ada", "ada@example.org", "instructor", "ada", 3)


@pytest.mark.parametrize(
    "data",
    [
        HEADER + "Ann Lee,ann@example.org,attendee\nAda,ada@example.org,instructor\n",
        "\ufeff" + HEADER + "Ann Lee,ann@example.org,\nAda,ada@example.org,Instructor",
        HEADER + "Ann Lee,ann@example.org\r\nAda,ada@example.org,instructor\r\n",
        "Name;E-Mail;Role\nAnn Lee;ann@example.org\nAda;ada@example.org;INSTRUCTOR\n",
        "NAME\tEmail\trole\nAnn Lee\tann@example.org\t\nAda\tada@example.org\tinstructor\n",
        ' name , e mail , role \n " Ann \u00a0Lee ",ann@example.org,\n'
        "Ada,ada@example.org,instructor\n",
        'role,email,name\nattendee,ann@example.org,"Ann Lee"\ninstructor,ada@example.org,Ada\n',
        HEADER + "Ann Lee,ann@example.org,,\nAda,ada@example.org,instructor,\n",
    ],
)
def test_what_spreadsheets_write_is_read(tmp_path: Path, data: str) -> None:
    assert people(tmp_path, data) == [ANN, ADA]


def test_excels_own_delimiter_line_is_read(tmp_path: Path) -> None:
    data = "sep=;\nname;email\nAnn Lee;ann@example.org\n"
    assert people(tmp_path, data)[0] == (*ANN[:4], 3)


def test_blank_lines_are_skipped_and_lines_are_counted_as_editors_do(tmp_path: Path) -> None:
    data = "\n" + HEADER + "\n , ,\nAnn Lee,ann@example.org\n"
    assert people(tmp_path, data)[0][4] == 5


def test_without_an_instructor_there_is_a_seat_for_one(tmp_path: Path) -> None:
    data = HEADER + "Ann Lee,ann@example.org\n"
    assert people(tmp_path, data) == [ANN, ("Instructor", "", "instructor", "instructor", 0)]


@pytest.mark.parametrize(
    ("name", "email", "username"),
    [
        ("Zoë Müller-Łącka", "zoe.mueller@example.org", "zoe-mueller"),
        ("Siobhán O’Brien", "o'brien@example.org", "o-brien"),
        ("'t Hooft", "Gerard.Hooft+NLP@example.org", "gerard-hooft-nlp"),
        ("李小龍", "7of9@example.org", "u7of9"),
        ("محمد", "jörg.großmann@müller.example", "jorg-grossmann"),
        ("Ann", "a" * 60 + "@example.org", "a" * 24),
    ],
)
def test_names_of_the_world_are_kept_and_user_names_are_plain(
    tmp_path: Path, name: str, email: str, username: str
) -> None:
    read = people(tmp_path, HEADER + f"{name},{email},\n")[0]
    assert (read[0], read[1], read[3]) == (name, email, username)


def test_an_instructor_may_be_called_instructor(tmp_path: Path) -> None:
    data = HEADER + "Ada,instructor@example.org,instructor\n"
    assert [each[3] for each in people(tmp_path, data)] == ["instructor"]


def row(name: str = "Ann", email: str = "ann@example.org", role: str = "") -> str:
    return HEADER + f"{name},{email},{role}\n"


@pytest.mark.parametrize(
    ("data", "where", "found", "wanted"),
    [
        ("", "", "found an empty file", "write the header name,email,role first"),
        (" \n\r\n", "", "found an empty file", "write the header name,email,role first"),
        (HEADER, ", line 1", "found a header and no people", "write one line per person below it"),
        (
            "Ann,ann@example.org\n",
            ", line 1",
            'found "Ann" where the header should be',
            "write the header name,email,role first",
        ),
        (
            "name,role\nAnn,\n",
            ", line 1",
            "found no column email",
            "write the header name,email,role",
        ),
        (
            "name,email,rol\nAnn,ann@example.org,\n",
            ", line 1",
            'found the unknown column "rol"',
            "write role",
        ),
        (
            "name,email,affiliation\nAnn,ann@example.org,X\n",
            ", line 1",
            'found the unknown column "affiliation"',
            "remove it; the columns are name, email, role, username",
        ),
        (
            "name,email,Name\nAnn,ann@example.org,X\n",
            ", line 1",
            "found the column name twice",
            "remove one of them",
        ),
        (
            HEADER + "Lee, Ann,ann@example.org,attendee\n",
            ", line 2",
            "found 4 cells under a header of 3",
            "put a name that holds a comma in quotes",
        ),
        (
            HEADER + 'Ann,ann@example.org,\n"Bob,bob@example.org,\n',
            ", line 3",
            "found a wrong quote: unexpected end of data",
            'write "" for a quote inside a quoted cell, and close every quote',
        ),
        (
            row() + "Bob,ANN@example.org,\n",
            ", line 3, email",
            'found "ANN@example.org" again; it is already in line 2',
            "remove one of the two lines",
        ),
        (
            row(email="ann.lee@example.org") + "Ann,ann-lee@example.com,\n",
            ", line 3, username",
            'found "ann-lee@example.com", which gives the user name "ann-lee"'
            ' like "ann.lee@example.org" in line 2',
            "write another one in a column `username`, such as ann-lee-2",
        ),
        (
            row(email="ann at example.org"),
            ", line 2, email",
            'found "ann at example.org"',
            "write an e-mail address, such as ann@example.org",
        ),
        (
            row(email=""),
            ", line 2, email",
            "found nothing",
            "write the person's e-mail address",
        ),
        (row(name=""), ", line 2, name", "found nothing", "write the person's name"),
        (
            row(name="A" * 200),
            ", line 2, name",
            "found 200 characters",
            "write at most 120",
        ),
        (
            row(name="-Ann"),
            ", line 2, name",
            'found "-Ann", which a spreadsheet takes for a formula',
            "write a name that begins with a letter",
        ),
        (
            row(name="=HYPERLINK(1)"),
            ", line 2, name",
            'found "=HYPERLINK(1)", which a spreadsheet takes for a formula',
            "write a name that begins with a letter",
        ),
        (
            row(name="＝1+1"),
            ", line 2, name",
            'found "＝1+1", which a spreadsheet takes for a formula',
            "write a name that begins with a letter",
        ),
        (
            row(email="-ann@example.org"),
            ", line 2, email",
            'found "-ann@example.org"',
            "write an e-mail address, such as ann@example.org",
        ),
        (
            row(name="Ann\u202egnp.exe"),
            ", line 2, name",
            "found the invisible character U+202E",
            "type the text again instead of pasting it",
        ),
        (
            row(name='"Ann\nLee"'),
            ", line 2, name",
            "found the invisible character U+000A",
            "type the text again instead of pasting it",
        ),
        (
            row(email="root@example.org"),
            ", line 2, email",
            'found the reserved user name "root"',
            "write another one in a column `username`, such as root-2",
        ),
        (
            row(email="robot-07@example.org"),
            ", line 2, email",
            'found the reserved user name "robot-07"',
            "write another one in a column `username`, such as robot-07-2",
        ),
        (
            row(email="instructor@example.org"),
            ", line 2, email",
            'found the reserved user name "instructor"',
            "write another one in a column `username`, such as instructor-2",
        ),
        (
            row(email="李@example.org"),
            ", line 2, email",
            'found "李@example.org", which gives no user name',
            "add a column `username` and write one there",
        ),
        (
            "name,email,username\nAnn,ann@example.org,Ann Lee\n",
            ", line 2, username",
            'found "Ann Lee"',
            "write at most 24 of a-z, 0-9 and -, beginning with a letter, such as ann-lee",
        ),
        (row(role="instrutor"), ", line 2, role", 'found "instrutor"', "write instructor"),
        (
            row(role="boss"),
            ", line 2, role",
            'found "boss"',
            "write attendee, assistant or instructor",
        ),
        (
            HEADER + "".join(f"P,p{i}@example.org,\n" for i in range(301)),
            ", line 302",
            "found 301 people",
            "write at most 300; hold two workshops for more",
        ),
        (
            "sep=|\nname|email\n",
            ", line 1",
            'found the delimiter "|"',
            "separate the columns with commas",
        ),
        (
            HEADER.encode() + "Zoë,zoe@example.org,\n".encode("latin-1"),
            ", line 2",
            "found byte 0xEB, which is not UTF-8 text",
            UTF8,
        ),
        (row().encode("utf-16"), "", "found UTF-16 text", UTF8),
    ],
)
def test_a_mistake_is_one_message(
    tmp_path: Path, data: str | bytes, where: str, found: str, wanted: str
) -> None:
    path = write(tmp_path, data)
    with pytest.raises(BadInput) as caught:
        read_roster(path)
    assert str(caught.value) == f"{path}{where}: {found}"
    assert caught.value.next_step == wanted


def test_a_column_of_user_names_settles_a_collision(tmp_path: Path) -> None:
    data = "name,email,username\nAnn,ann@a.org,\nAnn,ann@b.org,ann-2\n"
    assert [each[3] for each in people(tmp_path, data)] == ["ann", "ann-2", "instructor"]


def test_walk_ins_sit_on_numbered_seats_with_an_instructor() -> None:
    seats = walk_ins(300)
    assert [person.username for person in seats[:2]] == ["seat01", "seat02"]
    assert [person.username for person in seats[-2:]] == ["seat300", "instructor"]


WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
CELLS = st.one_of(
    WORDS,
    st.sampled_from(["Ann", "attendee", "instructor", "=1", "root", "", "O'Brien", '"', "Zoë"]),
    st.builds("{}@{}.org".format, WORDS, st.sampled_from(["example", "müller", ""])),
)
ROWS = st.lists(st.lists(CELLS, max_size=5).map(",".join), max_size=6).map("\n".join)
TABLES = st.builds(
    "{}\n{}".format, st.sampled_from(["name,email", "name,email,role,username", ""]), ROWS
)


@given(st.one_of(st.binary(max_size=200), TABLES.map(str.encode)))
@example(b"name,email\nAnn,ann@example.org\n")
@example(b"name,email,username\nA,a@example.org,instructor\n")
def test_any_bytes_are_sound_people_or_one_message_about_the_file(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = write(tmp_path_factory.mktemp("any"), data)
    result: tuple[Person, ...] | BadInput
    try:
        result = read_roster(path)
    except BadInput as error:
        result = error
    if isinstance(result, BadInput):
        assert str(result).startswith(str(path))
        assert result.found
        assert result.next_step
        return
    usernames = [person.username for person in result]
    emails = [person.email.casefold() for person in result if person.line]
    assert len(set(usernames)) == len(usernames)
    assert len(set(emails)) == len(emails)
    assert any(person.role == "instructor" for person in result)
    for person in result:
        assert is_username(person.username)
        assert person.username not in RESERVED or person.role == "instructor"
        assert person.name.isprintable() or "\u200c" in person.name or "\u200d" in person.name
        assert not person.name.startswith(("=", "+", "-", "@"))
        assert not person.line or "@" in person.email
