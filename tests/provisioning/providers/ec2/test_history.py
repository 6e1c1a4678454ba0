from datetime import UTC, datetime, timedelta
from pathlib import Path

from provisioning.journal import Journal
from provisioning.providers.ec2.history import PlaceHistory, read_history, too_young_to_see
from provisioning.providers.ec2.launch_request import LaunchRequest

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def order(token: str, *, attempt: int = 1, uid: str = "0a1b") -> LaunchRequest:
    return LaunchRequest(
        workshop="nlp",
        spec="5e3c",
        deadline="2026-11-22T05:00:00Z",
        host="gpu-01",
        role="gpu",
        spare=False,
        attempt=attempt,
        type="g4dn.xlarge",
        zone="us-east-1a",
        market="spot",
        image="ami-1",
        root_device="/dev/sda1",
        disk_gb=100,
        subnet="subnet-1",
        group="sg-1",
        key_name="workshop-nlp",
        token=token,
        uid=uid,
        region="us-east-1",
    )


class Past:
    """A journal that is written at noon."""

    def __init__(self, folder: Path) -> None:
        self.journal = Journal(folder / "journal.jsonl", clock=lambda: NOON)

    def intend(self, request: LaunchRequest) -> None:
        self.journal.write("intent", "ec2.launch", **request.facts())

    def answer(self, token: str, id_: str) -> None:
        self.journal.write("done", "ec2.launch", host="gpu-01", token=token, id=id_)

    def refuse(self, token: str) -> None:
        self.journal.write("failed", "ec2.launch", host="gpu-01", token=token, code="X", why="")

    def of_place(self, uid: str = "0a1b") -> PlaceHistory:
        return read_history(self.journal.entries(), uid).get("gpu-01", PlaceHistory())


def test_an_order_is_open_until_it_is_answered(tmp_path: Path) -> None:
    past = Past(tmp_path)
    past.intend(order("t1"))
    past.intend(order("t2", attempt=2))
    past.intend(order("t3", attempt=3))
    past.answer("t1", "i-1")
    past.refuse("t2")
    found = past.of_place()
    assert [one.request for one in found.open.values()] == [order("t3", attempt=3)]
    assert [(one.id, one.attempt) for one in found.made.values()] == [("i-1", 1)]
    assert found.attempts == 3


def test_orders_from_before_a_down_do_not_count(tmp_path: Path) -> None:
    past = Past(tmp_path)
    past.intend(order("t1", uid="ffff"))
    assert past.of_place() == PlaceHistory()


def test_an_order_that_another_release_wrote_otherwise_is_passed_over(tmp_path: Path) -> None:
    past = Past(tmp_path)
    past.journal.write("intent", "ec2.launch", host="gpu-01", token="t1", colour="blue")
    assert past.of_place().open == {}


def test_a_machine_is_young_until_listings_show_everything(tmp_path: Path) -> None:
    past = Past(tmp_path)
    past.intend(order("t1"))
    past.answer("t1", "i-1")
    found = past.of_place()
    assert [one.id for one in too_young_to_see(found, NOON + timedelta(seconds=119))] == ["i-1"]
    assert too_young_to_see(found, NOON + timedelta(seconds=121)) == ()


def test_a_machine_that_we_ended_is_not_waited_for(tmp_path: Path) -> None:
    past = Past(tmp_path)
    for step in ("ec2.terminate", "ec2.delete"):
        past.intend(order("t1"))
        past.answer("t1", "i-1")
        past.journal.write("done", step, ids=["i-1"])
        assert past.of_place().made == {}


def test_a_replacement_is_open_until_it_is_answered(tmp_path: Path) -> None:
    past = Past(tmp_path)
    past.journal.write("intent", "ec2.replace", host="gpu-01", attempt=4, uid="0a1b")
    assert past.of_place().replacing == 4
    assert past.of_place("ffff").replacing is None
    past.journal.write("done", "ec2.replace", host="gpu-01", attempt=4, uid="0a1b")
    assert past.of_place().replacing is None
