"""The wall reads what other rooms really write: a field renamed there fails here."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from grader.arrivals import Standing
from grader.folders import CourseFolder
from grader.judge import CellVerdict
from grader.records import write_record
from grader.verdict import Basis, SubmissionVerdict, write_verdict
from hub_config.backup.facts import BackupFacts, SeatCopies, write_backup_facts
from hub_config.fleet import host_facts as watch
from hub_config.fleet.moves import Move, change_moves
from hub_config.seat_host.protocol import Gpu, Health
from hub_config.wall import sources
from hub_config.wall.host_facts import read_hosts
from hub_config.wall.progress import VerdictFolder

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def test_the_grader_s_verdicts_and_its_record(tmp_path: Path) -> None:
    course = CourseFolder(tmp_path)
    cells = (
        CellVerdict("add", "passed", 1, 1),
        CellVerdict("mul", "failed", 0, 1, "wrong", "AssertionError"),
        CellVerdict("odd", "not judged", 0, 1, "the machine ended it"),
    )
    verdict = SubmissionVerdict("ada", "sums", Basis("s", "l", "e"), "000001-x", NOW, NOW, cells)
    write_verdict(course.verdicts("sums", "ada"), verdict)
    (work,) = VerdictFolder(course.all_verdicts).work(["sums"])
    assert work.outcomes == {"add": "passed", "mul": "failed", "odd": "not judged"}
    assert (work.at, work.not_judged) == ("mul", {"odd": "the machine ended it"})

    standing = Standing(now=(("sums", "ada"),), assistant=(("sums", "bob"),))
    failed = [("sums", "kim", "no space")]
    write_record(course.standing_record, **asdict(standing), failed=failed)
    grading = sources.read_grading(course.root)
    assert grading is not None
    assert (grading.now, grading.assistant) == ((("sums", "ada"),), (("sums", "bob"),))
    assert grading.failed == (("sums", "kim", "no space"),)


def test_the_watch_s_hosts_with_their_health(tmp_path: Path) -> None:
    health = Health(
        hostname="h",
        cores=16,
        load=3.5,
        memory_bytes=64,
        memory_free_bytes=16,
        disk_bytes=9,
        disk_free_bytes=4,
        uptime_seconds=1,
        seats=1,
        limits="",
        firewall="",
        gpus=(Gpu(0, busy_percent=70), Gpu(1)),
    )
    told = asdict(health)
    host = watch.HostFacts("gpu-1", "silent", NOW, ("ada",), health=told, problem="no room")
    watch.write_facts(tmp_path / "hosts.json", watch.FleetFacts(NOW, (host,)))
    (found,), trouble = read_hosts(tmp_path / "hosts.json", NOW)
    assert trouble == ""
    assert (found.name, found.state, found.since, found.seats) == ("gpu-1", "silent", NOW, ("ada",))
    assert (found.cores, found.load, found.memory_free_bytes, found.gpus) == (16, 3.5, 16, (70,))
    assert found.problem == "no room"
    (found,), trouble = read_hosts(tmp_path / "hosts.json", NOW + timedelta(minutes=2))
    assert found.state == "unknown"
    assert "writes nothing" in trouble


def test_the_backup_s_copies_and_moves(tmp_path: Path) -> None:
    copies = SeatCopies(host="gpu-1", at=NOW, over_quota=True, largest_left_out=("big",))
    write_backup_facts(tmp_path, BackupFacts(at=NOW, every_minutes=5, seats={"ada": copies}))
    told = Move("ada", "gpu-1", "gpu-2", NOW, "moved", NOW, NOW)
    change_moves(tmp_path, lambda moves: moves.with_moves([told]))
    (found,) = sources.read_copies(tmp_path) or ()
    assert (found.username, found.at, found.over_quota, found.left_out) == (
        "ada",
        NOW,
        True,
        ("big",),
    )
    (move,) = sources.read_moved(tmp_path)
    assert (move.lost, move.to, move.state, move.copy_at) == ("gpu-1", "gpu-2", "moved", NOW)
