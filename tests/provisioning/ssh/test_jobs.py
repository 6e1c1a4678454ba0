"""A job outlives the connection, is found again, and is never started twice."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.ssh.connection import Connection, connect
from provisioning.ssh.errors import DeadlinePassed, JobBusy
from provisioning.ssh.jobs import Job, end, read_answer
from provisioning.ssh.kept_output import Finished
from provisioning.ssh.runner import Runner
from provisioning.ssh.waiting import wait_for_job
from tests.provisioning.ssh.conftest import Sshd

LONG = "echo begun; sleep 300 & setsid sleep 300 & wait"


@pytest.fixture
def runs(connection: Connection, tmp_path: Path) -> Iterator[str]:
    """A folder for jobs; those that still run at the end are ended."""
    folder = str(tmp_path / "run")
    yield folder
    for name in connection.job_names(runs=folder):
        connection.end_job(name, runs=folder)


def until(found: Callable[[], Job | None], state: str) -> Job:
    give_up = time.monotonic() + 10
    while (job := found()) is None or job.state != state:
        assert time.monotonic() < give_up, job
        time.sleep(0.05)
    return job


def test_it_goes_on_without_us_and_tells_its_end(sshd: Sshd, runs: str, tmp_path: Path) -> None:
    command = f"echo out; echo err >&2; until [ -e {tmp_path}/go ]; do sleep 0.05; done; exit 3"
    with connect(sshd.login, seconds=10) as connection:
        job = connection.start_job("build", command, runs=runs)
    assert (job.state, job.status) == ("running", None)
    (tmp_path / "go").touch()

    job = wait_for_job(sshd.login, "build", seconds=10, runs=runs)

    assert job == Job("build", "ended", 3, "out\nerr\n")


def test_waiting_for_a_job_ends_by_its_deadline_and_the_job_goes_on(
    sshd: Sshd, connection: Connection, runs: str
) -> None:
    connection.start_job("long", LONG, runs=runs)
    began = time.monotonic()
    with pytest.raises(DeadlinePassed, match="it goes on"):
        wait_for_job(sshd.login, "long", seconds=3, runs=runs)
    assert time.monotonic() - began < 6.5

    def talking() -> Job | None:
        job = connection.job("long", runs=runs)
        return job if job and job.tail else None

    assert until(talking, "running").tail == "begun\n"


def test_starting_it_again_finds_the_one_that_runs(
    connection: Connection, runs: str, tmp_path: Path
) -> None:
    command = f"echo $$ >>{tmp_path}/started; sleep 300"
    for _ in range(3):
        assert connection.start_job("once", command, runs=runs).state == "running"

    assert len((tmp_path / "started").read_text().split()) == 1
    with pytest.raises(JobBusy, match="runs already, with another command"):
        connection.start_job("once", "sleep 299", runs=runs)


def test_a_job_that_ended_is_started_anew(connection: Connection, runs: str) -> None:
    for word in ("first", "second"):
        connection.start_job("again", f"echo {word}", runs=runs)
        job = until(lambda: connection.job("again", runs=runs), "ended")
        assert (job.status, job.tail) == (0, f"{word}\n")


def test_ending_it_ends_everything_that_it_started(
    connection: Connection, runs: str, tmp_path: Path
) -> None:
    """Also what left its process group, as a build's helpers do, and what ignores SIGTERM."""
    stubborn = "setsid sh -c 'trap \"\" TERM; while :; do sleep 0.1; done' & "
    connection.start_job("family", stubborn + LONG, runs=runs)
    until(lambda: connection.job("family", runs=runs), "running")
    job = connection.end_job("family", runs=runs)

    assert job is not None
    assert (job.state, job.status) == ("ended", 143)
    assert processes_of(f"{runs}/family") == []


#: A grep that shows what there is of a job, and then begins something more of it that ignores
#: SIGTERM. It does so oftener than the job is asked to end.
LATE = """#!/bin/sh
/bin/grep "$@"
echo >>"$0.looks"
[ "$(wc -l <"$0.looks")" -lt 40 ] || exit 0
(trap '' TERM; WORKSHOP_JOB={job} exec /bin/sleep 60) </dev/null >/dev/null 2>&1 &
until /bin/grep -qzxF "WORKSHOP_JOB={job}" "/proc/$!/environ"; do :; done
"""


def test_what_is_started_while_the_job_is_being_ended_ends_too(
    connection: Connection, runs: str, tmp_path: Path
) -> None:
    tools = {"grep": LATE.format(job=f"{runs}/late"), "sleep": "#!/bin/sh\n"}
    for name, tool in tools.items():
        (tmp_path / name).write_text(tool)
        (tmp_path / name).chmod(0o755)

    def run(command: str, *, seconds: float) -> Finished:
        return connection.run(f"PATH={tmp_path}:$PATH\n{command}", seconds=seconds)

    connection.start_job("late", "exec sleep 300", runs=runs)
    runner = cast(Runner, SimpleNamespace(run=run))
    job = end(runner, "late", seconds=20, runs=PurePosixPath(runs))

    assert job is not None
    assert (job.state, job.status) == ("ended", 143)
    assert processes_of(f"{runs}/late") == []


def processes_of(folder: str) -> list[Path]:
    marker = f"WORKSHOP_JOB={folder}".encode()
    return [process for process in Path("/proc").glob("[0-9]*") if marker in environment(process)]


def environment(process: Path) -> bytes:
    try:
        return (process / "environ").read_bytes()
    except OSError:
        return b""


def test_a_job_whose_process_vanished_is_lost(connection: Connection, runs: str) -> None:
    connection.start_job("victim", "exec sleep 300", runs=runs)
    pid = int((Path(runs) / "victim/process").read_text().split()[0])
    os.killpg(pid, 9)
    assert until(lambda: connection.job("victim", runs=runs), "lost").status is None


@pytest.mark.parametrize("field", ["start time", "boot"])
def test_after_a_reboot_another_process_with_its_number_is_not_the_job(
    connection: Connection, runs: str, field: str
) -> None:
    connection.start_job("before", LONG, runs=runs)
    process = Path(runs) / "before/process"
    pid, start, boot = process.read_text().split()
    old = f"{pid} 1 {boot}" if field == "start time" else f"{pid} {start} another-boot"
    process.write_text(f"{old}\n")

    job = connection.job("before", runs=runs)
    process.write_text(f"{pid} {start} {boot}\n")  # so that it is ended at the end

    assert job is not None
    assert job.state == "lost"


def test_what_was_never_started_is_none(connection: Connection, runs: str) -> None:
    assert connection.job("nobody", runs=runs) is None
    assert connection.end_job("nobody", runs=runs) is None
    assert connection.job_names(runs=runs) == ()


def test_a_command_of_any_length_and_content_is_not_in_the_process_list(
    connection: Connection, runs: str
) -> None:
    command = f"cat <<'END'\n{'long ' * 50_000}\nEND\nsleep 300 # open-sesame"
    connection.start_job("large", command, runs=runs)
    listing = connection.run("cat /proc/[0-9]*/cmdline", seconds=10, check=False).stdout
    assert b"open-sesame" not in listing
    assert len(until(lambda: connection.job("large", runs=runs), "running").tail) <= 4096


@pytest.mark.parametrize("name", ["", "../up", "UPPER", "a b", "-x", "a" * 65])
def test_a_name_that_could_leave_the_folder_is_refused(
    connection: Connection, runs: str, name: str
) -> None:
    with pytest.raises(ValueError, match="is not a job's name"):
        connection.job(name, runs=runs)


LINE = st.text(st.characters(exclude_characters="\n", exclude_categories=("Cs",)))


@given(
    st.lists(LINE.filter(lambda line: not line.startswith("workshop-job ")), max_size=3),
    st.sampled_from([("running", "-"), ("lost", "-"), ("ended", "0"), ("ended", "143")]),
    st.text(st.characters(exclude_categories=("Cs",))),
)
def test_the_answer_is_found_behind_a_chatty_shell_and_before_any_log(
    chat: list[str], head: tuple[str, str], log: str
) -> None:
    answer = "\n".join([*chat, f"workshop-job {head[0]} {head[1]}", log])
    status = int(head[1]) if head[0] == "ended" else None
    assert read_answer("it", answer.encode()) == Job("it", head[0], status, log)  # type: ignore[arg-type]
