"""Which instance type fits a role, and what to write instead of one that doesn't."""

from __future__ import annotations

import difflib

from provisioning.catalogue.instance_types import Catalogue, InstanceType, Retired, read_catalogue
from provisioning.fleet import Architecture, Role
from provisioning.spec_file import describe
from provisioning.spec_types import spec_mistake

NEEDED: dict[Role, Architecture] = {"hub": "x86_64", "gpu": "x86_64", "arm": "arm64"}
_EXAMPLES: dict[Role, str] = {
    "hub": "t3.large or m7i.xlarge",
    "gpu": "g4dn.xlarge or g5.xlarge",
    "arm": "c7g.large or a1.large",
}


def check_type(name: str, role: Role) -> str:
    """`name`, if a host of this role may be of this type; a spec mistake otherwise."""
    catalogue = read_catalogue()
    family, _, size = name.partition(".")
    if retired := catalogue.retired.get(family):
        found = f"found {describe(name)}: AWS no longer offers {family} (since {retired.when})"
        raise spec_mistake(found, f"write {_instead(retired, size)}, the nearest that it offers")
    kind = catalogue.types.get(name)
    if kind is None:
        found = f"found {describe(name)}, which isn't in the catalogue"
        raise spec_mistake(found, f"write {_meant(catalogue, name, role)}")
    if kind.architecture != NEEDED[role]:
        found = (
            f"found {describe(name)}: it is {kind.architecture}, and {role} needs {NEEDED[role]}"
        )
        raise spec_mistake(found, f"write {_EXAMPLES[role]}, for example")
    if role == "gpu" and not kind.accelerators:
        found = f"found {describe(name)}, which has no GPU"
        hint = "seats without a GPU run on the hub, so give `hub` a larger type for them"
        raise spec_mistake(found, f"write {_EXAMPLES[role]}, for example; {hint}")
    return name


def fits(kind: InstanceType, role: Role) -> bool:
    """Whether a host of this role may be of this type."""
    right = kind.architecture == NEEDED[role]
    return right and (role != "gpu" or kind.accelerators > 0)


def _instead(retired: Retired, size: str) -> str:
    types = retired.nearest.get(size) or next(iter(retired.nearest.values()))
    return " or ".join(types)


def _meant(catalogue: Catalogue, name: str, role: Role) -> str:
    """The names that look most like it, of types that fit the role."""
    fitting = [kind.name for kind in catalogue.types.values() if fits(kind, role)]
    near = difflib.get_close_matches(name.casefold(), fitting, n=3, cutoff=0.6)
    family = [other for other in fitting if other.split(".")[0] == name.split(".")[0]]
    return " or ".join(near or family[:3]) or f"{_EXAMPLES[role]}, for example"
