"""What could keep hosts from coming up in this account: asked of AWS before anything is created.

Nothing here changes the account. Each question is asked on its own, so a missing permission for
one of them leaves the others answered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from email.utils import parsedate_to_datetime

from provisioning.access import ANYONE
from provisioning.catalogue.instance_types import read_catalogue
from provisioning.errors import WorkshopError
from provisioning.findings import Finding
from provisioning.fleet import Fleet, WantedHost
from provisioning.journal import utc_now
from provisioning.providers.ec2.aws import Aws
from provisioning.providers.ec2.errors import NotAllowed
from provisioning.providers.ec2.images import Images, find_images
from provisioning.providers.ec2.network import Network, default_network
from provisioning.providers.ec2.offerings import restrict, zones_offering
from provisioning.providers.ec2.permissions import POLICY, Launch, Machine, check_permissions
from provisioning.providers.ec2.quota_check import (
    Lesson,
    QuotaRequest,
    groups_of,
    judge,
    quotas_of,
)
from provisioning.providers.ec2.quotas import read_rooms, vcpus_in_use

# AWS refuses calls that are five minutes off, and deadlines are reckoned with this clock.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
_MOST_SKEW_SECONDS = 60


@dataclass(frozen=True)
class Question:
    """What the workshop is going to ask of the account."""

    workshop: str
    wanted: tuple[WantedHost, ...]
    #: What is there already: it needs no room any more.
    fleet: Fleet
    zones: tuple[str, ...]
    access: tuple[str, ...]
    hours: float
    day: date | None
    today: date


@dataclass(frozen=True)
class Preflight:
    """The answers. `offers` are the zones that can be used, by type."""

    findings: tuple[Finding, ...]
    requests: tuple[QuotaRequest, ...] = ()
    offers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    images: Images | None = None
    #: The number of the AWS account, or nothing when AWS wasn't reached.
    account: str = ""


def preflight(
    aws: Aws, question: Question, *, clock: Callable[[], datetime] = utc_now
) -> Preflight:
    """Everything that can be known beforehand. Raises nothing that AWS answers: it is told."""
    try:
        identity = aws.call("sts", "get_caller_identity")
    except WorkshopError as error:  # no credentials, or no network: nothing else can be asked
        return Preflight((_trouble(error),))
    look = _Look(aws, question)
    findings = [
        Finding("ok", f"AWS account {identity['Account']}, as {identity['Arn']}"),
        *_clock(identity, clock()),
        *_access(question.access),
        *look.everything(),
    ]
    return Preflight(
        findings=tuple(findings),
        requests=look.requests,
        offers=look.offers,
        images=look.images,
        account=identity["Account"],
    )


def to_create(question: Question) -> tuple[WantedHost, ...]:
    """The places that need a machine to be started; a stopped one keeps its type."""
    there = {host.name: host for host in question.fleet.hosts if host.state != "gone"}
    types = read_catalogue().types
    missing = []
    for wanted in question.wanted:
        host = there.get(wanted.name)
        if host is None:
            missing.append(wanted)
        elif host.state in ("stopping", "stopped") and host.type in types:
            missing.append(replace(wanted, types=(host.type,), market=host.market))
    return tuple(missing)


class _Look:
    """One round of questions; each answer may be needed by the next."""

    def __init__(self, aws: Aws, question: Question) -> None:
        self._aws = aws
        self._ask = question
        self._network: Network | None = None
        self.requests: tuple[QuotaRequest, ...] = ()
        self.offers: Mapping[str, tuple[str, ...]] = {}
        self.images: Images | None = None

    def everything(self) -> Iterator[Finding]:
        for part in (
            self._find_network,
            self._find_offers,
            self._find_images,
            self._compare_quotas,
            self._try_permissions,
        ):
            try:
                yield from part()
            except WorkshopError as error:
                yield _trouble(error)
        yield from _cautions(self._ask.wanted)

    def _find_network(self) -> Iterator[Finding]:
        self._network = default_network(self._aws)
        lacking = [zone for zone in self._ask.zones if zone not in self._network.subnets]
        if lacking:
            what = f"{self._aws.region} has no zone {lacking[0]} with a default subnet"
            zones = ", ".join(sorted(self._network.subnets))
            yield Finding("stop", what, f"write `zones:` with some of {zones}, or remove the key")

    def _find_offers(self) -> Iterator[Finding]:
        types = {name for host in self._ask.wanted for name in host.types}
        offers = zones_offering(self._aws, types)
        zones = self._ask.zones or tuple(self._network.subnets if self._network else ())
        self.offers = restrict(offers, zones)
        seen: set[tuple[str, ...]] = set()
        for host in self._ask.wanted:
            if host.types not in seen:
                seen.add(host.types)
                yield from self._offered(host, offers)

    def _offered(
        self, host: WantedHost, everywhere: Mapping[str, tuple[str, ...]]
    ) -> Iterator[Finding]:
        """One sentence for the types of a role."""
        region = self._aws.region
        usable = {name: self.offers[name] for name in host.types if self.offers[name]}
        for name in host.types:
            if name in usable:
                continue
            elsewhere = ", ".join(everywhere[name])
            where = "in the zones of workshop.yaml" if elsewhere else f"in {region}"
            what = f"AWS doesn't offer {name} {where}"
            remedy = f"add a zone of {elsewhere}" if elsewhere else "remove it, or change `region:`"
            yield Finding("warn" if usable else "stop", what, remedy)
        if usable:
            told = ", ".join(f"{name} in {_zones(zones)}" for name, zones in usable.items())
            yield Finding("ok", f"for {host.role}, AWS offers {told}")

    def _find_images(self) -> Iterator[Finding]:
        self.images = find_images(self._aws, self._ask.wanted)
        for image in {image.id: image for image in self.images.by_source.values()}.values():
            yield Finding("ok", f"image {image.id} for {image.architecture}: {image.name}")
        seen = set()
        for host in self._ask.wanted:
            least = max(self.images.of(name, host.image).least_gb for name in host.types)
            if host.disk_gb < least and host.role not in seen:
                seen.add(host.role)
                what = f"the image for {host.role} fits on a disk of {least}G, not {host.disk_gb}G"
                yield Finding("warn", f"{what}: the disks become {least}G", f"write disk: {least}G")

    def _compare_quotas(self) -> Iterator[Finding]:
        groups = groups_of(to_create(self._ask))
        if not groups:
            return
        lesson = Lesson(self._aws.region, self._ask.hours, self._ask.day, self._ask.today)
        used = vcpus_in_use(self._aws)
        try:
            rooms = read_rooms(self._aws, quotas_of(groups), used)
        except NotAllowed as error:
            yield Finding("warn", f"can't see the quotas: {error.message}", POLICY)
            return
        judged = judge(groups, rooms, lesson)
        self.requests = judged.requests
        yield from judged.findings

    def _try_permissions(self) -> Iterator[Finding]:
        if self.images is None or self._network is None:
            return  # told already; there is nothing to try RunInstances with
        there = next((host.id for host in self._ask.fleet.hosts if host.state != "gone"), None)
        machines = dict.fromkeys(
            Machine(name, self.images.of(name, host.image).id, host.market)
            for host in self._ask.wanted
            for name in host.types[:1]
        )
        launch = Launch(self._ask.workshop, tuple(machines), self._network.vpc, there)
        yield from check_permissions(self._aws, launch)


def _zones(zones: tuple[str, ...]) -> str:
    return zones[0] if len(zones) == 1 else f"{len(zones)} zones"


def _trouble(error: WorkshopError) -> Finding:
    remedy = error.next_step or (POLICY if isinstance(error, NotAllowed) else "")
    return Finding("stop", error.message, remedy)


def _clock(answer: Mapping[str, object], now: datetime) -> Iterator[Finding]:
    """Compare with the date in AWS's answer: whole seconds, and as old as the call took."""
    match answer.get("ResponseMetadata"):
        case {"HTTPHeaders": {"date": str(told)}}:
            skew = (now - parsedate_to_datetime(told)).total_seconds()
            if abs(skew) > _MOST_SKEW_SECONDS:
                ahead = "ahead" if skew > 0 else "behind"
                yield Finding(
                    "warn",
                    f"this computer's clock is {abs(skew):.0f} s {ahead}: deadlines would be off",
                    "set the clock, best by the network: timedatectl set-ntp true",
                )


def _access(ranges: tuple[str, ...]) -> Iterator[Finding]:
    if ANYONE in ranges:
        yield Finding(
            "warn",
            "`access: anyone` lets the whole internet reach the hub's page and its SSH",
            "write the addresses that people come from, such as 203.0.113.7/32",
        )


def _cautions(wanted: Iterable[WantedHost]) -> Iterator[Finding]:
    """What people should know of a family with an accelerator before they pay for it."""
    types = read_catalogue().types
    families = {types[n].family.name: types[n].family for host in wanted for n in host.types}
    for name, family in sorted(families.items()):
        if family.caution and family.accelerator:
            yield Finding("warn", f"about {name}: {family.caution}", "g4dn and g5 are made for it")
