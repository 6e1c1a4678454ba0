"""Are the account's quotas large enough for the hosts that are still to be created? Pure.

A new account may run no GPU at all, and AWS takes days to allow some: the one thing about a
workshop that can't be bought on the day. So what to send, and where, is part of the answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from provisioning.catalogue.instance_types import InstanceType, read_catalogue
from provisioning.findings import Finding
from provisioning.fleet import Market, Role, WantedHost

#: Small raises take hours; people report days for the first GPUs of an account.
DAYS_AHEAD = 7


@dataclass(frozen=True)
class Room:
    """One quota: what AWS allows and what runs, in vCPUs."""

    code: str
    name: str
    limit: int
    used: int

    @property
    def free(self) -> int:
        return max(0, self.limit - self.used)


def quota_of(kind: InstanceType, market: Market) -> tuple[str, str]:
    """Code and name of the quota that a host of this type counts against."""
    return kind.family.quota.codes[market], kind.family.quota.names[market]


@dataclass(frozen=True)
class Group:
    """Hosts of one role that are still to be created; they compete for the same quotas."""

    role: Role
    count: int
    types: tuple[str, ...]
    market: Market

    def options(self) -> tuple[tuple[Market, InstanceType], ...]:
        """What `up` will try, in that order: spot before on demand, then the spec's types."""
        types = read_catalogue().types
        markets: tuple[Market, ...] = (
            ("spot", "on-demand") if self.market == "spot" else ("on-demand",)
        )
        return tuple((market, types[name]) for market in markets for name in self.types)


@dataclass(frozen=True)
class Lesson:
    """What the request tells AWS about the class. `hours` is how long the hosts live."""

    region: str
    hours: float
    day: date | None
    today: date


@dataclass(frozen=True)
class QuotaRequest:
    """What to send to AWS: the new value of a quota, in vCPUs, and why."""

    region: str
    code: str
    name: str
    limit: int
    wanted: int
    #: The reason, to paste where AWS asks for one.
    text: str

    @property
    def page(self) -> str:
        """The page of the quota in the console; its button says "Request increase"."""
        return (
            f"https://{self.region}.console.aws.amazon.com"
            f"/servicequotas/home/services/ec2/quotas/{self.code}"
        )

    @property
    def command(self) -> str:
        """The same without a browser, for the AWS CLI.

        https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_RequestServiceQuotaIncrease.html
        """
        return (
            "aws service-quotas request-service-quota-increase --service-code ec2 "
            f"--quota-code {self.code} --desired-value {self.wanted} --region {self.region}"
        )


@dataclass(frozen=True)
class Judgement:
    findings: tuple[Finding, ...]
    requests: tuple[QuotaRequest, ...]


def groups_of(wanted: Iterable[WantedHost]) -> tuple[Group, ...]:
    """The hosts that are still to be created, by role."""
    counts = Counter((host.role, host.types, host.market) for host in wanted if host.types)
    return tuple(
        Group(role, count, types, market) for (role, types, market), count in counts.items()
    )


def quotas_of(groups: Iterable[Group]) -> dict[str, str]:
    """Names by code of all quotas that the groups may touch."""
    return dict(quota_of(kind, market) for group in groups for market, kind in group.options())


def judge(groups: tuple[Group, ...], rooms: Mapping[str, Room], lesson: Lesson) -> Judgement:
    """One finding for each quota that the first choices need, and what to ask AWS for."""
    demand = _demand(groups)
    spare = {code: room.free - demand[code] for code, room in rooms.items()}
    findings: list[Finding] = []
    requests: list[QuotaRequest] = []
    for code, vcpus in demand.items():
        room = rooms[code]
        asking = tuple(group for group in groups if _first(group)[0] == code)
        if vcpus <= room.free:
            findings.append(Finding("ok", f"{_need(asking)}: {_has(room, lesson)}"))
            continue
        request = _request(room, vcpus, asking, lesson)
        requests.append(request)
        findings.append(_short(request, room, asking, _instead(asking, spare), lesson))
    for group in groups:
        if group.market == "spot" and (ask := _no_way_back(group, rooms, demand, lesson)):
            requests.append(ask)
            what = f"spot machines can be taken away, and {_has(rooms[ask.code], lesson)}"
            remedy = f"to fall back on demand, ask for {ask.wanted} vCPUs: {ask.page}"
            findings.append(Finding("warn", what, remedy))
    return Judgement(tuple(findings), tuple(requests))


def _first(group: Group) -> tuple[str, int]:
    """Quota code and vCPUs of what the group asks for first."""
    market, kind = group.options()[0]
    return quota_of(kind, market)[0], group.count * kind.vcpus


def _demand(groups: Iterable[Group]) -> Counter[str]:
    demand: Counter[str] = Counter()
    for group in groups:
        code, vcpus = _first(group)
        demand[code] += vcpus
    return demand


def _instead(groups: Iterable[Group], spare: dict[str, int]) -> tuple[str, ...] | None:
    """A next choice with enough room for every group; None if one has none. Takes from `spare`."""
    found = []
    for group in groups:
        for market, kind in group.options()[1:]:
            code, vcpus = quota_of(kind, market)[0], group.count * kind.vcpus
            if spare.get(code, 0) >= vcpus:
                spare[code] -= vcpus
                found.append(f"{kind.name} {_market(market)}")
                break
        else:
            return None
    return tuple(found)


def _no_way_back(
    group: Group, rooms: Mapping[str, Room], demand: Mapping[str, int], lesson: Lesson
) -> QuotaRequest | None:
    """What to ask for when the on-demand quota couldn't take over from spot."""
    kind = group.options()[0][1]
    room = rooms[quota_of(kind, "on-demand")[0]]
    vcpus = group.count * kind.vcpus + demand.get(room.code, 0)
    return None if vcpus <= room.free else _request(room, vcpus, (group,), lesson)


def _short(
    request: QuotaRequest,
    room: Room,
    groups: tuple[Group, ...],
    instead: tuple[str, ...] | None,
    lesson: Lesson,
) -> Finding:
    what = f"{_need(groups)}, but {_has(room, lesson)}"
    ask = f"ask AWS for {request.wanted} vCPUs, {_when(lesson)}: {request.page}"
    if instead is not None:
        return Finding("warn", f"{what}; `up` will take {' and '.join(instead)}", ask)
    return Finding("stop", what, ask)


def _need(groups: tuple[Group, ...]) -> str:
    """9 hosts g4dn.xlarge (gpu, spot) need 36 vCPUs."""
    parts = []
    total = 0
    for group in groups:
        market, kind = group.options()[0]
        total += group.count * kind.vcpus
        hosts = "1 host" if group.count == 1 else f"{group.count} hosts"
        parts.append(f"{hosts} {kind.name} ({group.role}, {_market(market)})")
    verb = "needs" if len(groups) == 1 and groups[0].count == 1 else "need"
    return f"{' and '.join(parts)} {verb} {total} vCPUs"


def _has(room: Room, lesson: Lesson) -> str:
    used = f", and {room.used} of them run now" if room.used else ""
    return f'the quota "{room.name}" ({room.code}) of {lesson.region} is {room.limit}{used}'


def _when(lesson: Lesson) -> str:
    if lesson.day is None:
        return f"at least {DAYS_AHEAD} days ahead of the class"
    left = (lesson.day - lesson.today).days
    if left > DAYS_AHEAD:
        return f"at least {DAYS_AHEAD} days ahead; the class is in {left} days"
    days = "today" if left <= 0 else "tomorrow" if left == 1 else f"in {left} days"
    return f"now, because it can take days, and the class is {days}"


def _request(room: Room, vcpus: int, groups: tuple[Group, ...], lesson: Lesson) -> QuotaRequest:
    wanted = room.used + vcpus
    day = f" on {lesson.day}" if lesson.day else ""
    types = " and ".join(sorted({_first_type(group) for group in groups}))
    hosts = sum(group.count for group in groups)
    text = (
        f'Please raise "{room.name}" ({room.code}) in {lesson.region} from {room.limit} to '
        f"{wanted} vCPUs. I teach a hands-on class on deep learning{day}. It uses {hosts} "
        f"{'instance' if hosts == 1 else 'instances'} of type {types} for about "
        f"{lesson.hours:g} hours; they end themselves afterwards."
    )
    return QuotaRequest(lesson.region, room.code, room.name, room.limit, wanted, text)


def _first_type(group: Group) -> str:
    return group.options()[0][1].name


def _market(market: Market) -> str:
    return "spot" if market == "spot" else "on demand"
