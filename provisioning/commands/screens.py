"""What the command line shows of hosts, as tables; it decides where to print."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from provisioning.errors import WorkshopError
from provisioning.findings import Finding
from provisioning.operate import HostNow
from provisioning.plan import Plan, PlannedHost
from provisioning.plan_steps import names_text
from provisioning.providers.protocol import Inventory

if TYPE_CHECKING:
    from provisioning.providers.ec2.sweep import Leftover


def plan_page(plan: Plan) -> RenderableType:
    """The whole plan: hosts, steps, time, money, and whether it can work."""
    steps = Text("\n".join(f"{n:2}. {step.what}" for n, step in enumerate(plan.steps, start=1)))
    parts: list[RenderableType] = [_planned_table(plan), steps, "", *_costs(plan), ""]
    parts.append(findings_table(plan.findings))
    for request in plan.requests:
        parts += ["", f"[bold]Send this to AWS[/bold]: {request.page}", Text(request.text)]
        parts.append(Text(f"or: {request.command}"))
    style = "bold red" if plan.verdict == "red" else "bold green"
    parts += ["", f"[{style}]Verdict: {plan.verdict}[/{style}]"]
    return Group(*parts)


def _planned_table(plan: Plan) -> Table:
    where = f" in {plan.region}, account {plan.account or 'unknown'}" if plan.region else ""
    title = f"{plan.workshop}: hosts{where}"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for heading in ("Hosts", "What happens", "Types", "Market", "Zones", "Environments"):
        table.add_column(heading)
    table.add_column("$ an hour", justify="right")
    for alike in _alike(plan.hosts):
        first = alike[0]
        cost = sum((each.hourly for each in alike[1:]), start=first.hourly)
        table.add_row(
            names_text(tuple(each.name for each in alike)) + (" (spare)" if first.spare else ""),
            first.action,
            ", else ".join(first.types),
            first.market,
            _zones_text(first.zones),
            ", ".join(first.environments),
            cost.dollars(),
        )
    return table


def _zones_text(zones: tuple[str, ...]) -> str:
    """us-east-1a b c: the letters that differ."""
    if not zones:
        return ""
    return " ".join((zones[0], *(zone[-1] for zone in zones[1:])))


def _alike(hosts: Iterable[PlannedHost]) -> list[list[PlannedHost]]:
    """Hosts that differ in nothing but their names share a line."""
    lines: dict[tuple[object, ...], list[PlannedHost]] = {}
    for each in hosts:
        key = (each.role, each.action, each.types, each.market, each.zones, each.spare)
        lines.setdefault(key, []).append(each)
    return list(lines.values())


def _costs(plan: Plan) -> list[RenderableType]:
    cost = plan.cost
    lines = [
        f"Ready after {_minutes(plan.ready.low)} to {_minutes(plan.ready.high)}.",
        f"Costs {cost.hourly.dollars()} an hour, {cost.event.dollars()} for all of its "
        f"{cost.hours:g} hours (prices of {cost.prices_date}).",
        plan.forgotten,
    ]
    if plan.unasked:
        lines.append(f"Not in the file any more, ended by `down`: {names_text(plan.unasked)}.")
    return [Text(line) for line in lines]


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def findings_table(findings: Iterable[Finding]) -> Table:
    """A line for each thing that was looked at, with what helps."""
    styles = {"ok": "green", "warn": "yellow", "stop": "bold red"}
    table = Table(show_header=False, box=None)
    for finding in findings:
        style = styles[finding.severity]
        remedy = f"\n[dim]→ {escape(finding.remedy)}[/dim]" if finding.remedy else ""
        table.add_row(f"[{style}]{finding.severity}[/{style}]", f"{escape(finding.what)}{remedy}")
    return table


def hosts_table(hosts: Iterable[HostNow]) -> Table:
    """One line a host: what it is, how it is, where, until when, for how much."""
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("Host", "Type", "Zone", "State", "Load", "Free", "Environments"):
        table.add_column(heading)
    for heading in ("Address", "Ends (UTC)", "$ an hour"):
        table.add_column(heading, no_wrap=True)
    for each in hosts:
        host = each.host
        table.add_row(
            f"{host.name} (spare)" if host.spare else host.name,
            f"{host.type}{' spot' if host.market == 'spot' else ''}",
            host.zone,
            _state(each),
            "" if each.load is None else f"{each.load:.1f} of {each.cores}",
            "" if each.free_gb is None else f"{each.free_gb} GB",
            ", ".join(each.environments),
            host.address.host if host.address else "",
            f"{host.deadline.astimezone(UTC):%a %H:%M}" if host.deadline else "",
            each.hourly.dollars() if each.hourly else "",
        )
    return table


def _state(each: HostNow) -> str:
    if each.host.state != "running":
        return f"[yellow]{each.host.state}[/yellow]"
    if each.answers:
        return "[green]answers[/green]"
    return f"[bold red]silent[/bold red]: {escape(each.problem)}"


def inventory_table(inventory: Inventory) -> Table:
    """What an independent listing found; a line for each kind that was looked at."""
    where = ", ".join(inventory.regions)
    table = Table(title=f"What is left in {where}", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("Kind")
    table.add_column("Left", justify="right")
    table.add_column("Which")
    for kind in inventory.kinds:
        left = [each for each in inventory.left if each.kind == kind]
        which = "\n".join(f"{each.id} ({each.region}) {escape(each.what)}" for each in left)
        style = "bold red" if left else "green"
        table.add_row(kind, f"[{style}]{len(left)}[/{style}]", which)
    return table


def leftovers_table(leftovers: Iterable[Leftover]) -> Table:
    """A line for each workshop that has something in the account, the dearest first."""
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("Workshop", "What", "Regions", "Age", "Deadline (UTC)", "$ an hour", ""):
        table.add_column(heading)
    for each in leftovers:
        kinds = Counter(thing.kind for thing in each.things)
        what = ", ".join(f"{n} {kind}{'s' * (n > 1)}" for kind, n in kinds.items())
        table.add_row(
            each.workshop,
            what,
            " ".join(each.regions),
            duration(each.age) if each.age else "",
            each.until,
            each.hourly.dollars(),
            "[yellow]alive[/yellow]" if each.alive else "[red]over[/red]",
        )
    return table


def problem_lines(problems: Mapping[str, WorkshopError]) -> list[str]:
    """A line for each reason, with all hosts that it keeps."""
    reasons: dict[str, list[str]] = {}
    for name, problem in sorted(problems.items()):
        reasons.setdefault(problem.message, []).append(name)
    return [f"{names_text(tuple(names))}: {message}" for message, names in reasons.items()]


def duration(time: timedelta) -> str:
    """As people say it: 3 days, 7 h 05 min, or 12 min."""
    minutes = max(0, int(time / timedelta(minutes=1)))
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} days"
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"
