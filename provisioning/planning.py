"""What `plan` and `up` look at before anything is created: the spec, the cloud, the account."""

from __future__ import annotations

from datetime import date

from provisioning.errors import NotPossibleHere, WorkshopError
from provisioning.fleet import Fleet
from provisioning.fleet_desk import FleetDesk
from provisioning.hosts_spec import Ec2HostsSpec, MachineHostsSpec
from provisioning.plan import Known, Plan, make_plan


def look_and_plan(desk: FleetDesk, day: date | None, today: date) -> Plan:
    """The plan for the spec as things stand. Changes nothing; what AWS refuses is a finding."""
    request = desk.request
    match request.hosts:
        case MachineHostsSpec() as spec:
            return make_plan(request.workshop, spec, desk.wanted, desk.provider.observe(), Known())
        case Ec2HostsSpec() as spec:
            fleet = _fleet(desk)
            known = _known(desk, spec, fleet, day, today)
            return make_plan(request.workshop, spec, desk.wanted, fleet, known)


def refuse_red(plan: Plan) -> None:
    """NotPossibleHere with everything that stands in the way."""
    if plan.verdict == "red":
        reasons = "\n  ".join(reason.what for reason in plan.reasons)
        raise NotPossibleHere(
            f"The hosts can't come up as things stand; nothing was created:\n  {reasons}",
            next_step=plan.reasons[0].remedy or "workshop plan",
        )


def _fleet(desk: FleetDesk) -> Fleet:
    """Nobody is there for whom we may not look: why not is the preflight's first finding."""
    try:
        return desk.provider.observe()
    except WorkshopError:
        return Fleet(desk.request.workshop)


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
    )
