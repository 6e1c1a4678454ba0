"""The store keeps everything once, never overwrites, and survives being killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from hub_config.exchange.archive import Contents
from hub_config.exchange.errors import NotThere, Refused, TicketGone, TicketUsed, TooMany
from hub_config.exchange.files import Upload, publish
from hub_config.exchange.records import AssignmentName, Snapshot, TicketRequest, Username
from hub_config.exchange.store import Quota, Store
from hub_config.exchange.tickets import Ticket, Tickets
from provisioning.errors import AlreadyTaken

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
NOTEBOOK = Contents(("lab.ipynb",), 10)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    store = Store(tmp_path / "store", clock, Quota(snapshots=3, total_bytes=1000))
    store.open()
    yield store
    store.close()


def upload(store: Store, content: bytes) -> Upload:
    incoming = store.incoming(10_000)
    incoming.write(content)
    return incoming.finish()


def ticket(name: str, username: str = "ada") -> Ticket:
    return Ticket(name, username, "lab", None, None, NOW + timedelta(hours=1))


def submit(store: Store, content: bytes, name: str, username: str = "ada") -> Snapshot:
    return store.add_submission(upload(store, content), NOTEBOOK, ticket(name, username))


def test_snapshots_are_numbered_and_keep_their_bytes(store: Store, clock: Clock) -> None:
    first = submit(store, b"one", "t1")
    clock.now -= timedelta(hours=2)  # the clock was set back; the order stays
    second = submit(store, b"two", "t2")
    same = submit(store, b"one", "t3")
    assert store.submissions("lab", "ada") == [first, second, same]
    assert [item.sequence() for item in (first, second, same)] == [1, 2, 3]
    contents = [store.submission_archive(item).read_bytes() for item in (first, second, same)]
    assert contents == [b"one", b"two", b"one"]
    assert first.received == NOW


def test_the_files_of_a_snapshot_are_named_by_number_and_sha256(
    store: Store, tmp_path: Path
) -> None:
    snapshot = submit(store, b"one", "t1")
    folder = tmp_path / "store/submissions/lab/ada"
    assert sorted(path.name for path in folder.iterdir()) == [
        f"000001-{snapshot.sha256}.json",
        f"000001-{snapshot.sha256}.zip",
    ]
    assert all(path.stat().st_mode & 0o777 == 0o400 for path in folder.iterdir())


def test_a_ticket_counts_once_also_after_reopening(
    store: Store, tmp_path: Path, clock: Clock
) -> None:
    first = submit(store, b"one", "t1")
    store.close()
    again = Store(tmp_path / "store", clock, Quota(3, 1000))
    again.open()
    assert again.submission_of_ticket("t1") == first
    with pytest.raises(TicketUsed) as refusal:
        submit(again, b"other", "t1")
    assert refusal.value.snapshot == first
    assert again.submissions("lab", "ada") == [first]
    again.close()


def test_an_existing_name_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "kept").write_bytes(b"kept")
    (tmp_path / "new").write_bytes(b"new")
    with pytest.raises(FileExistsError):
        publish(tmp_path / "new", tmp_path / "kept")
    assert (tmp_path / "kept").read_bytes() == b"kept"


def test_bytes_without_a_record_are_invisible_and_swept(
    store: Store, tmp_path: Path, clock: Clock
) -> None:
    snapshot = submit(store, b"one", "t1")
    half = tmp_path / "store/submissions/lab/ada" / f"000002-{'0' * 64}.zip"
    half.write_bytes(b"half")
    incoming = store.incoming(100)
    incoming.write(b"half")
    assert store.submissions("lab", "ada") == [snapshot]
    store.close()
    again = Store(tmp_path / "store", clock, Quota(3, 1000))
    again.open()
    assert not half.exists()
    assert list((tmp_path / "store/uploads").iterdir()) == []
    assert submit(again, b"two", "t2").sequence() == 2
    again.close()


def test_one_store_has_one_service(store: Store, tmp_path: Path, clock: Clock) -> None:
    with pytest.raises(AlreadyTaken):
        Store(tmp_path / "store", clock, Quota(3, 1000)).open()


@pytest.mark.parametrize(("content", "count"), [(b"x", 3), (b"x" * 400, 2)])
def test_the_quota_counts_snapshots_and_bytes(store: Store, content: bytes, count: int) -> None:
    for number in range(count):
        submit(store, content, f"t{number}")
    with pytest.raises(TooMany, match=f"You have {count} submissions of 'lab'"):
        submit(store, content, "one more")
    assert len(store.submissions("lab", "ada")) == count
    assert submit(store, content, "other", "bob").username == "bob"


def test_the_same_release_again_changes_nothing_and_another_becomes_a_version(
    store: Store,
) -> None:
    def release(content: bytes) -> str:
        return store.add_release(upload(store, content), NOTEBOOK, assignment="lab", by="ines").id

    first = release(b"one")
    assert release(b"one") == first
    second = release(b"two")
    assert second != first
    assert store.release("lab").id == second
    assert store.release("lab").notebooks == ("lab",)
    store.withdraw_release("lab", by="ines")
    with pytest.raises(NotThere):
        store.release("lab")
    third = release(b"two")
    assert store.release("lab").id == third
    assert store.release_archive(store.release("lab")).read_bytes() == b"two"


def test_the_newest_feedback_counts_and_the_older_stays(store: Store, tmp_path: Path) -> None:
    snapshot = submit(store, b"one", "t1")
    assert store.feedback(snapshot) is None
    pages = Contents(("lab.html", "figure.png"), 10)
    for content in (b"first", b"second", b"second"):
        store.add_feedback(upload(store, content), pages, snapshot=snapshot, by="ines")
    feedback = store.feedback(snapshot)
    assert feedback is not None
    assert feedback.pages == ("lab.html",)
    assert store.feedback_archive(snapshot, feedback).read_bytes() == b"second"
    folder = tmp_path / "store/feedback/lab/ada" / snapshot.id
    assert len(list(folder.glob("*.zip"))) == 2


def test_bytes_that_differ_from_what_was_announced_are_refused(store: Store) -> None:
    for announced in ({"sha256": "0" * 64}, {"size": 2}):
        incoming = store.incoming(100)
        incoming.write(b"one")
        with pytest.raises(Refused):
            incoming.finish(**announced)
        incoming.discard()


def test_a_ticket_is_its_owner_s_and_expires(clock: Clock) -> None:
    tickets = Tickets(clock, timedelta(minutes=10), per_minute=5)
    issued = tickets.issue("ada", TicketRequest(assignment="lab"))
    assert tickets.find(issued.id, "ada") == issued
    for name, wait in [("bob", 0), ("ada", 10)]:
        clock.now += timedelta(minutes=wait)
        with pytest.raises(TicketGone):
            tickets.find(issued.id, name)


def test_tickets_are_limited_per_user_and_minute(clock: Clock) -> None:
    tickets = Tickets(clock, timedelta(minutes=10), per_minute=2)
    request = TicketRequest(assignment="lab")
    for _ in range(2):
        tickets.issue("ada", request)
    with pytest.raises(TooMany):
        tickets.issue("ada", request)
    tickets.issue("bob", request)
    clock.now += timedelta(minutes=1)
    tickets.issue("ada", request)


@given(name=st.one_of(st.text(max_size=80), st.sampled_from(["..", ".", "a/b", "a\n", "-a", ""])))
def test_a_name_that_is_accepted_is_one_harmless_folder_name(name: str) -> None:
    for adapter in (TypeAdapter(AssignmentName), TypeAdapter(Username)):
        try:
            adapter.validate_python(name)
        except ValidationError:
            continue
        assert Path(name).name == name
        assert name.isascii()
        assert name.isprintable()
        assert name[0] not in ".-~"


def test_only_plain_names_become_folders() -> None:
    checks: dict[str, Callable[[str], object]] = {
        "assignment": TypeAdapter(AssignmentName).validate_python,
        "username": TypeAdapter(Username).validate_python,
    }
    for check in checks.values():
        for name in ("", ".", "..", "a/b", "a\\b", "a\n", "a b", ".a", "-a", "a\0", "ä", "a" * 200):
            with pytest.raises(ValidationError):
                check(name)
        for name in ("a", "seat01", "anna-maria", "lab_1.2"):
            check(name)
