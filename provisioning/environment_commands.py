"""The `env` commands: lock, build, pack, ship, verify, diff."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import click

from provisioning.environments.conda.lock import lock_conda
from provisioning.environments.conda.platforms import Platform, platform_named
from provisioning.environments.delivery import loads, stage
from provisioning.environments.files import read_environment_file
from provisioning.environments.manifest import Manifest, manifest_for
from provisioning.environments.shipping.diff import EnvironmentDiff, diff
from provisioning.environments.shipping.hosts import ShipHost
from provisioning.environments.shipping.outcome import Shipped
from provisioning.environments.shipping.prune import Pruned, prune
from provisioning.environments.shipping.ship import ShipOptions, ship
from provisioning.environments.shipping.verify import EVERYTHING, QUICK, HostProof, verify
from provisioning.errors import NotPossibleHere, StepFailed, WorkshopError
from provisioning.fleet_screens import problem_lines
from provisioning.operator_desk import Operator, as_json_option, print_json
from provisioning.progress_view import ProgressView
from provisioning.recipients import ask_recipients

_PLATFORMS = ("linux-64", "linux-64-cuda", "linux-aarch64")

on_option = click.option("--on", "hosts", multiple=True, help="A host; may be repeated.")
platform_option = click.option(
    "--platform",
    "platforms",
    multiple=True,
    type=click.Choice(_PLATFORMS),
    default=("linux-64",),
    show_default=True,
    help="A kind of host; may be repeated.",
)


@click.group()
def env() -> None:
    """The environments on the hosts: the same bytes on every one of them.

    \b
    The usual order:
      workshop env lock nlp-gpu --platform linux-64-cuda
      workshop env pack nlp-gpu --platform linux-64-cuda
      workshop env ship
      workshop env verify
    `up` builds, packs and ships what is missing by itself.
    """


@env.command("lock")
@click.argument("names", nargs=-1, required=True)
@platform_option
@click.pass_obj
def lock_environments(
    operator: Operator, names: tuple[str, ...], platforms: tuple[str, ...]
) -> None:
    """Choose every package of NAMES, once, and write its hash beside the environment file."""
    depot = operator.depot
    written = []
    with ProgressView(operator.console) as progress:
        for name, platform in _variants(names, platforms):
            file = read_environment_file(depot.file_of(name))
            tell = stage(progress, f"lock {name}")
            written.append(lock_conda(file, platform, depot.sources, progress=tell))
    for path in written:
        click.echo(path)


@env.command("build")
@click.argument("names", nargs=-1, required=True)
@platform_option
@click.pass_obj
def build_environments(
    operator: Operator, names: tuple[str, ...], platforms: tuple[str, ...]
) -> None:
    """Build NAMES from their locks, here, for the place they have on the hosts."""
    with ProgressView(operator.console) as progress:
        built = [operator.depot.built(*each, progress) for each in _variants(names, platforms)]
    for each in built:
        click.echo(f"{each.folder}: {each.name}-{each.identity} for {each.platform}")


@env.command("pack")
@click.argument("names", nargs=-1, required=True)
@platform_option
@click.pass_obj
def pack_environments(
    operator: Operator, names: tuple[str, ...], platforms: tuple[str, ...]
) -> None:
    """Build NAMES if need be, and pack each into one archive with a manifest."""
    with ProgressView(operator.console) as progress:
        packed = [operator.depot.archive(*each, progress) for each in _variants(names, platforms)]
    for archive in packed:
        manifest = manifest_for(archive)
        size = f"{manifest.archive_bytes / 1e6:.1f} MB"
        click.echo(f"{archive}: {size}, sha256 {manifest.archive_sha256}")


@env.command("ship")
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
    """Bring environments to the hosts, which pass them on to each other.

    Without NAMES: all that the file asks for. The version in use before stays on the host.
    """
    freight = _freight(operator, names, hosts)
    results: list[Shipped] = []
    with ProgressView(operator.console) as progress:
        for name, platform, recipients in freight.loads:
            archive = operator.depot.archive(name, platform, progress)
            options = ShipOptions(repair=repair)
            results.append(ship(archive, recipients, options=options, progress=progress))
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


@env.command("verify")
@click.argument("names", nargs=-1)
@on_option
@click.option("--quick", is_flag=True, help="Only whether the right version is in use.")
@as_json_option
@click.pass_obj
def verify_environments(
    operator: Operator, names: tuple[str, ...], hosts: tuple[str, ...], quick: bool, as_json: bool
) -> None:
    """Prove on each host that its environments are what was packed, and that they import."""
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


@env.command("diff")
@click.argument("names", nargs=-1)
@on_option
@click.option("--quick", is_flag=True, help="Only versions, not files.")
@as_json_option
@click.pass_obj
def diff_environments(
    operator: Operator, names: tuple[str, ...], hosts: tuple[str, ...], quick: bool, as_json: bool
) -> None:
    """Show which hosts have drifted: another version in use, or other files."""
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
        click.echo(f"{found.environment}: the same on {len(found.proofs)} hosts")
        return
    for version, hosts in found.in_use.items():
        if version != found.environment:
            click.echo(f"{', '.join(hosts)} use {version or 'none'} instead of {found.environment}")
    for host in found.drifted:
        proof = found.proofs[host]
        if isinstance(proof, HostProof):
            click.echo(f"{host}: {proof.drift}")
    for host in found.unknown:
        click.echo(f"{host}: not reached")


@env.command("prune")
@click.argument("names", nargs=-1, required=True)
@on_option
@as_json_option
@click.pass_obj
def prune_environments(
    operator: Operator, names: tuple[str, ...], hosts: tuple[str, ...], as_json: bool
) -> None:
    """Remove old versions from hosts: all but the one in use and the one before it."""
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
    asked = ask_recipients(desk, desk.chosen(desk.provider.observe(), hosts))
    found = tuple(loads(operator.depot, asked.of(names)))
    missing = set(names) - {name for name, _, _ in found}
    if missing:
        raise NotPossibleHere(
            f"No host that was reached is to have {', '.join(sorted(missing))}",
            next_step="name it under `environments:` of a role in the file's `hosts:` section",
        )
    return _Freight(found, asked.problems)


def _manifest(operator: Operator, name: str, platform: Platform) -> Manifest:
    with ProgressView(operator.console) as progress:
        return manifest_for(operator.depot.archive(name, platform, progress))


def _variants(names: Iterable[str], platforms: Iterable[str]) -> list[tuple[str, Platform]]:
    return [(name, platform_named(each)) for name in names for each in platforms]


def _refuse(problems: Mapping[str, WorkshopError], what: str) -> None:
    if not problems:
        return
    told = "\n  ".join(problem_lines(problems))
    _, first = next(iter(sorted(problems.items())))
    raise StepFailed(f"These hosts {what}:\n  {told}", next_step=first.next_step)
