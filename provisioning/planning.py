"""What `plan` and `up` look at before anything is created: the spec, the cloud, the account."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from provisioning.errors import NotPossibleHere, WorkshopError
from provisioning.findings import Finding
from provisioning.fleet import Fleet
from provisioning.fleet_desk import FleetDesk
from provisioning.hosts_spec import Ec2HostsSpec, MachineHostsSpec
from provisioning.plan import Known, Plan, make_plan
from provisioning.providers.ec2.errors import NoCredentials


def look_and_plan(desk: FleetDesk, day: date | None, today: date) -> Plan:
    """The plan for the spec as things stand. Changes nothing; what AWS refuses is a finding."""
    request = desk.request
    match request.hosts:
        case MachineHostsSpec() as spec:
            return make_plan(request.workshop, spec, desk.wanted, desk.provider.observe(), Known())
        case Ec2HostsSpec() as spec:
            fleet, trouble = _fleet(desk)
            known = _known(desk, spec, fleet, day, today)
            known = replace(known, findings=(*known.findings, *trouble))
            return make_plan(request.workshop, spec, desk.wanted, fleet, known)


def refuse_red(plan: Plan) -> None:
    """NotPossibleHere with everything that stands in the way."""
    if plan.verdict == "red":
        reasons = "\n  ".join(reason.what for reason in plan.reasons)
        raise NotPossibleHere(
            f"The hosts can't come up as things stand; nothing was created:\n  {reasons}",
            next_step=plan.reasons[0].remedy or "workshop plan",
        )


def _fleet(desk: FleetDesk) -> tuple[Fleet, tuple[Finding, ...]]:
    """What is there. Where that can't be seen, nobody may conclude that nothing is."""
    nobody = Fleet(desk.request.workshop)
    try:
        return desk.provider.observe(), ()
    except NoCredentials:  # the preflight's first finding says so
        return nobody, ()
    except WorkshopError as error:
        what = f"it can't be seen which hosts there are: {error.message}"
        return nobody, (Finding("stop", what, error.next_step),)


def _known(
    desk: FleetDesk, spec: Ec2HostsSpec, fleet: Fleet, day: date | None, today: date
) -> Known:
    # boto3 takes a third of a second to import: only who needs it pays.
    from provisioning.providers.ec2.aws import Aws
    from provisioning.providers.ec2.preflight import Question, preflight

    question = Question(
        workshop=desk.request.workshop,
        wanted=desk.wanted,
        fleet=fleet,
        zones=spec.zones,
        access=spec.access,
        hours=spec.hours,
        day=day,
        today=today,
    )
    found = preflight(Aws(spec.region, profile=spec.profile), question)
    return Known(
        findings=found.findings,
        requests=found.requests,
        offers=found.offers,
        account=found.account,
        archive_bytes=_packed_bytes(desk),
    )


def _packed_bytes(desk: FleetDesk) -> int | None:
    """The newest archives of what the hosts are to have; None while one of them isn't packed."""
    names = sorted({name for place in desk.wanted for name in place.environments})
    sizes = []
    for name in names:
        found = desk.request.paths.archives.glob(f"{name}-*.tar.zst")
        newest = max(found, key=lambda path: path.stat().st_mtime, default=None)
        if newest is None:
            return None
        sizes.append(newest.stat().st_size)
    return sum(sizes)
