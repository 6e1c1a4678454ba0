"""The `env` commands that need no host: lock, build, pack."""

from __future__ import annotations

from collections.abc import Iterable

import click

from provisioning.commands.operator import Operator, progress_view
from provisioning.environments.conda.lock import lock_conda
from provisioning.environments.conda.platforms import Platform, platform_named
from provisioning.environments.delivery import stage
from provisioning.environments.files import read_environment_file
from provisioning.environments.manifest import manifest_for

_PLATFORMS = ("linux-64", "linux-64-cuda", "linux-aarch64")

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
    """Environments: lock, build, pack, ship, verify, diff.

    Every host gets the same bytes, and can prove it.

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
    """Choose every package of NAMES, once.

    Writes NAME.PLATFORM.lock with the hash of each beside the environment file.
    """
    depot = operator.depot
    written = []
    with progress_view(operator) as progress:
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
    """Build NAMES from their locks, for their place on the hosts."""
    with progress_view(operator) as progress:
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
    """Pack each of NAMES into one archive with a manifest.

    Builds it first if need be.
    """
    with progress_view(operator) as progress:
        packed = [operator.depot.archive(*each, progress) for each in _variants(names, platforms)]
    for archive in packed:
        manifest = manifest_for(archive)
        size = f"{manifest.archive_bytes / 1e6:.1f} MB"
        click.echo(f"{archive}: {size}, sha256 {manifest.archive_sha256}")


def _variants(names: Iterable[str], platforms: Iterable[str]) -> list[tuple[str, Platform]]:
    return [(name, platform_named(each)) for name in names for each in platforms]
