"""What the command line shows of a workshop, as tables; it decides where to print."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.markup import escape
from rich.table import Table

from hub_config.cards import seat_rows
from hub_config.rehearsal.verdict import ScoreLine, StepTimes
from hub_config.seats import IssuedCode, Seat
from hub_config.status import GradingNow, WorkshopStatus


def codes_table(codes: Iterable[IssuedCode]) -> Table:
    """New seat codes: shown once, stored nowhere."""
    table = Table(title="New seat codes: they are shown only now", title_justify="left")
    for heading in ("Seat", "Name", "Role", "Username", "Seat code"):
        table.add_column(heading, no_wrap=heading != "Name")
    for row in seat_rows(codes):
        cells = (row.seat, escape(row.name), row.role, row.username, f"[bold]{row.code}[/bold]")
        table.add_row(*cells)
    return table


def seats_table(seats: Iterable[Seat]) -> Table:
    table = Table()
    for heading in ("Seat", "Username", "Name", "Role", "Codes issued", "State"):
        table.add_column(heading)
    for seat in seats:
        state = "removed" if seat.removed else "open"
        number = f"{seat.number:02d}"
        table.add_row(number, seat.username, escape(seat.name), seat.role, str(seat.issue), state)
    return table


def times_table(times: Iterable[StepTimes]) -> Table:
    """How long the robots' steps took."""
    table = Table(title="What the robots did", title_justify="left")
    table.add_column("Step")
    table.add_column("Median", justify="right")
    table.add_column("Slowest", justify="right")
    for row in times:
        table.add_row(row.step, f"{row.median:.1f} s", f"{row.slowest:.1f} s")
    return table


def scores_table(lines: Iterable[ScoreLine]) -> Table:
    """Points as nbgrader's database has them, and whether they are what they must be."""
    table = Table(title="Grades, read back from nbgrader's database", title_justify="left")
    for heading in ("Attendee", "Who", "Lab"):
        table.add_column(heading)
    table.add_column("Points", justify="right")
    table.add_column("As it must be")
    for line in lines:
        points = f"{line.score:g} of {line.points:g}"
        verdict = f"[bold red]no: {', '.join(line.wrong)}" if line.wrong else "[green]yes"
        table.add_row(line.username, line.character, line.lab, points, verdict)
    return table


def status_table(status: WorkshopStatus) -> Table:
    """Seats with what they do now; programs that don't run stand out."""
    state = "up" if status.up else "down"
    table = Table(title=f"{status.workshop}: {state}  {status.address or ''}")
    table.add_column("What")
    table.add_column("State")
    table.add_column("Detail", overflow="fold")
    for program in status.programs:
        style = "green" if program.running else "bold red"
        table.add_row(program.name, f"[{style}]{program.state.lower()}", program.detail)
    for seat in status.seats:
        state = "running" if seat.running else seat.pending or "not started"
        seen = f"last seen {seat.last_activity:%H:%M:%S} UTC" if seat.last_activity else ""
        table.add_row(f"seat {seat.username}", state, seen)
    for assignment, count in status.submissions.items():
        table.add_row(f"lab {assignment}", "submitted", f"by {count}")
    if status.grading is not None:
        add_grading(table, status.grading)
    for host in status.grading_hosts:
        state = "[green]grades" if host.connected else "[bold red]does not grade"
        table.add_row(f"host {host.name}", state, f"{host.judged} submissions so far")
    return table


def add_grading(table: Table, grading: GradingNow) -> None:
    """What the program `grader` is at, and what keeps it from grading."""
    counts = f"now {grading.now}, in line {grading.waiting}, for an assistant {grading.assistant}"
    table.add_row("grading", "as they come in", counts)
    for lab, reason in grading.held:
        table.add_row(f"lab {lab}", "[bold red]nobody is graded", escape(reason))
    for lab, attendee, reason in grading.failed:
        table.add_row(f"{attendee}, {lab}", "[yellow]not graded yet", escape(reason))


def released_lines(result: Mapping[str, Any]) -> Iterator[str]:
    """What `workshop release` says: a line for each lab of the grader's answer."""
    for lab in result["labs"]:
        facts = [f"{lab['exercises']} checks", f"{lab['points']:g} points"]
        unsealed = [] if lab["sealed"] else ["unsealed"]
        yield f"{lab['lab']}: {lab['outcome']} ({', '.join([*facts, *unsealed])})"


def graded_lines(result: Mapping[str, Any]) -> Iterator[str]:
    """What `workshop grade` says: the counts, then whatever somebody should know or look at."""
    yield (
        f"Graded {result['judged']}, unchanged {result['unchanged']}, "
        f"feedback sent {result['feedback_sent']}."
    )
    for lab in result["unsealed"]:
        yield f"Unsealed: {lab}: its checks ran in the attendees' own processes"
    for waiting in result["queue"]:
        where = f"{waiting['attendee']}, {waiting['lab']}, {waiting['cell']}"
        yield f"Not judged: {where}: {waiting['reason']}"
    for trouble in result["troubles"]:
        yield f"Not sent: {trouble}"
    if result["queue"]:
        yield "What to do about it: workshop grade queue"


def queue_lines(result: Mapping[str, Any]) -> Iterator[str]:
    """What `workshop grade queue` says: each thing that waits, and what to do next."""
    for lab in result["held"]:
        yield f"Nobody is graded: {lab['lab']}: {lab['reason']}"
        yield f"  → {lab['next_step']}"
    for each in result["assistant"]:
        check = each["check"] or "the whole submission"
        yield f"For an assistant: {each['attendee']}, {each['lab']}, {check}: {each['reason']}"
        yield f"  → {each['next_step']}"
    for each in result["waiting"]:
        place = f", number {each['place']} in line" if each["place"] else ""
        why = f": {each['reason']}" if each["reason"] else ""
        since = f"handed in at {each['received'][11:19]} UTC"
        yield f"Waits to be graded: {each['attendee']}, {each['lab']}, {since}{place}{why}"
    if not result["exchange_answers"]:
        yield "The exchange does not answer: what was handed in last is not known."
    elif not any(result[each] for each in ("held", "assistant", "waiting")):
        yield "Nothing waits: every submission is graded."
