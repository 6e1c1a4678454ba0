"""The `env` commands that need hosts: ship, verify, diff, prune."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import click

from provisioning.commands.hosts import say_left_out
from provisioning.commands.operator import Operator, as_json_option, print_json, progress_view
from provisioning.commands.screens import problem_lines
from provisioning.environments.conda.platforms import Platform
from provisioning.environments.delivery import in_megabytes, loads
from provisioning.environments.manifest import Manifest, manifest_for
from provisioning.environments.shipping.diff import EnvironmentDiff, diff
from provisioning.environments.shipping.hosts import ShipHost
from provisioning.environments.shipping.outcome import Shipped
from provisioning.environments.shipping.prune import Pruned, prune
from provisioning.environments.shipping.ship import ShipOptions, ship
from provisioning.environments.shipping.verify import EVERYTHING, QUICK, HostProof, verify
from provisioning.errors import NotPossibleHere, StepFailed, WorkshopError
from provisioning.recipients import ask_recipients

on_option = click.option("--on", "hosts", multiple=True, help="A host; may be repeated.")


@click.command("ship")
@click.argument("names", nargs=-1)
@on_option
@click.option("--repair", is_flag=True, help="Unpack again where files were changed.")
@as_json_option
@click.pass_obj
def ship_environments(
    operator: Operator,
    names: tuple[str, ...],
    hosts: tuple[str, ...],
    repair: bool,
    as_json: bool,
) -> None:
    """Bring environments to the hosts.

    The hosts pass them on to each other; this computer sends each once.

    Without NAMES: all that the file asks for. The version in use before stays on the host.
    """
    freight = _freight(operator, names, hosts)
    results: list[Shipped] = []
    with progress_view(operator, as_json=as_json) as progress:
        for name, platform, recipients in freight.loads:
            archive = operator.depot.archive(name, platform, progress)
            options = ShipOptions(repair=repair)
            told = in_megabytes(progress)
            results.append(ship(archive, recipients, options=options, progress=told))
    if as_json:
        print_json([each.as_json() for each in results])
    else:
        for each in results:
            click.echo(_shipped_line(each))
    problems = dict(freight.problems)
    for each in results:
        problems |= {host: _problem(each, host) for host in each.lacking}
    _refuse(problems, "lack an environment; the version from before stays in use there")


def _shipped_line(shipped: Shipped) -> str:
    there = len(shipped.outcomes) - len(shipped.lacking)
    return (
        f"{shipped.environment}: on {there} of {len(shipped.outcomes)} hosts after "
        f"{shipped.seconds:.0f} s; this computer sent {shipped.fed_bytes / 1e6:.1f} MB."
    )


def _problem(shipped: Shipped, host: str) -> WorkshopError:
    return shipped.outcomes[host].problem or StepFailed(f"{host} lacks {shipped.environment}")


@click.command("verify")
@click.argument("names", nargs=-1)
@on_option
@click.option("--quick", is_flag=True, help="Only whether the right version is in use.")
@as_json_option
@click.pass_obj
def verify_environments(
    operator: Operator, names: tuple[str, ...], hosts: tuple[str, ...], quick: bool, as_json: bool
) -> None:
    """Prove on each host that environments are what was packed.

    Reads and hashes every file, and imports the packages under an account that owns nothing.
    """
    freight = _freight(operator, names, hosts)
    proofs: list[tuple[str, str, HostProof | WorkshopError]] = []
    for name, platform, recipients in freight.loads:
        manifest = _manifest(operator, name, platform)
        logins = {host: each.login for host, each in recipients.items()}
        found = verify(manifest, logins, look=QUICK if quick else EVERYTHING)
        label = f"{manifest.name}-{manifest.identity}"
        proofs += [(label, host, proof) for host, proof in found.items()]
    if as_json:
        print_json([_proof_facts(*each) for each in proofs])
    else:
        _say_proofs(proofs)
    problems = dict(freight.problems)
    problems |= {host: bad for _, host, proof in proofs if (bad := _badness(proof)) is not None}
    _refuse(problems, "can't use an environment as it was packed")


def _badness(proof: HostProof | WorkshopError) -> WorkshopError | None:
    return proof if isinstance(proof, WorkshopError) else proof.problem


def _proof_facts(label: str, host: str, proof: HostProof | WorkshopError) -> dict[str, object]:
    if isinstance(proof, WorkshopError):
        return {"host": host, "environment": label, "ok": False, "problem": proof.message}
    return proof.as_json()


def _say_proofs(proofs: Iterable[tuple[str, str, HostProof | WorkshopError]]) -> None:
    for label, host, proof in proofs:
        bad = _badness(proof)
        click.echo(f"{host}  {label}  {'as packed, in use' if bad is None else bad.message}")
        if isinstance(proof, HostProof):
            for line in proof.pip:
                click.echo(f"{host}  pip check: {line}")


@click.command("diff")
@click.argument("names", nargs=-1)
@on_option
@click.option("--quick", is_flag=True, help="Only versions, not files.")
@as_json_option
@click.pass_obj
def diff_environments(
    operator: Operator, names: tuple[str, ...], hosts: tuple[str, ...], quick: bool, as_json: bool
) -> None:
    """Show which hosts use another version, or have other files."""
    freight = _freight(operator, names, hosts)
    found: list[EnvironmentDiff] = []
    for name, platform, recipients in freight.loads:
        logins = {host: each.login for host, each in recipients.items()}
        found += diff([_manifest(operator, name, platform)], logins, quick=quick)
    if as_json:
        print_json([each.as_json() for each in found])
    else:
        for each in found:
            _say_diff(each)
    if freight.problems or not all(each.same for each in found):
        raise StepFailed("The hosts differ", next_step="workshop env ship --repair")


def _say_diff(found: EnvironmentDiff) -> None:
    if found.same:
        click.echo(f"{found.environment}: the same on {', '.join(found.proofs)}")
        return
    for version, hosts in found.in_use.items():
        if version != found.environment:
            click.echo(f"{', '.join(hosts)} use {version or 'none'} instead of {found.environment}")
    for host in found.drifted:
        proof = found.proofs[host]
        if isinstance(proof, HostProof):
            click.echo(proof.problem.message if proof.problem else f"{host}: {proof.drift}")
    for host in found.unknown:
        click.echo(f"{host}: not reached")


@click.command("prune")
@click.argument("names", nargs=-1, required=True)
@on_option
@as_json_option
@click.pass_obj
def prune_environments(
    operator: Operator, names: tuple[str, ...], hosts: tuple[str, ...], as_json: bool
) -> None:
    """Remove old versions: all but the one in use and the last."""
    desk = operator.fleet
    logins = desk.logins(desk.chosen(desk.provider.observe(), hosts))
    found = {name: prune(name, logins) for name in names}
    if as_json:
        print_json(
            {
                name: {host: _pruned_facts(each) for host, each in by_host.items()}
                for name, by_host in found.items()
            }
        )
    problems: dict[str, WorkshopError] = {}
    for name, by_host in found.items():
        for host, each in by_host.items():
            match each:
                case WorkshopError():
                    problems[host] = each
                case Pruned() if not as_json:
                    freed = f"{each.freed_bytes / 1e6:.1f} MB freed"
                    click.echo(f"{host}  {name}: {', '.join(each.removed) or 'nothing'} ({freed})")
    _refuse(problems, "were not cleaned")


def _pruned_facts(pruned: Pruned | WorkshopError) -> dict[str, object]:
    if isinstance(pruned, WorkshopError):
        return {"error": pruned.message}
    return dataclasses.asdict(pruned)


@dataclass(frozen=True)
class _Freight:
    """What belongs where, and the hosts that couldn't be asked."""

    loads: Sequence[tuple[str, Platform, Mapping[str, ShipHost]]]
    problems: Mapping[str, WorkshopError]


def _freight(operator: Operator, names: tuple[str, ...], hosts: tuple[str, ...]) -> _Freight:
    desk = operator.fleet
    fleet = desk.provider.observe()
    chosen = desk.chosen(fleet, hosts)
    say_left_out(fleet, chosen if not hosts else fleet.hosts)
    asked = ask_recipients(desk, chosen)
    found = tuple(loads(operator.depot, asked.of(names)))
    missing = set(names) - {name for name, _, _ in found}
    if missing:
        raise NotPossibleHere(
            f"No host that was reached is to have {', '.join(sorted(missing))}",
            next_step="name it under `environments:` of a role in the file's `hosts:` section",
        )
    return _Freight(found, asked.problems)


def _manifest(operator: Operator, name: str, platform: Platform) -> Manifest:
    with progress_view(operator, as_json=True) as progress:
        return manifest_for(operator.depot.archive(name, platform, progress))


def _refuse(problems: Mapping[str, WorkshopError], what: str) -> None:
    if not problems:
        return
    told = "\n  ".join(problem_lines(problems))
    _, first = next(iter(sorted(problems.items())))
    raise StepFailed(f"These hosts {what}:\n  {told}", next_step=first.next_step)


#: What `workshop env` offers besides lock, build and pack.
COMMANDS = (ship_environments, verify_environments, diff_environments, prune_environments)
