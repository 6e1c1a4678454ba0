"""Where hosts have drifted apart: other versions in use, or other files in the same version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from provisioning.environments.manifest import Manifest
from provisioning.environments.shipping.verify import QUICK, HostProof, Look, verify
from provisioning.errors import WorkshopError
from provisioning.ssh.login import Login


@dataclass(frozen=True)
class EnvironmentDiff:
    """One environment over all hosts."""

    #: The version that hosts should have: NAME-IDENTITY.
    environment: str
    proofs: Mapping[str, HostProof | WorkshopError]

    @property
    def in_use(self) -> dict[str, tuple[str, ...]]:
        """Versions in use, and on which hosts; "" is none."""
        found: dict[str, tuple[str, ...]] = {}
        for host, proof in self._seen.items():
            version = proof.current or ""
            found[version] = (*found.get(version, ()), host)
        return found

    @property
    def drifted(self) -> tuple[str, ...]:
        """Hosts whose files differ from what was packed."""
        return tuple(host for host, proof in self._seen.items() if proof.drift or proof.loose)

    @property
    def unknown(self) -> tuple[str, ...]:
        """Hosts that couldn't be asked."""
        return tuple(host for host in self.proofs if host not in self._seen)

    @property
    def same(self) -> bool:
        """Every host uses this version, as it was packed."""
        agreed = set(self.in_use) <= {self.environment}
        return agreed and not self.drifted and not self.unknown

    @property
    def _seen(self) -> dict[str, HostProof]:
        return {host: each for host, each in self.proofs.items() if isinstance(each, HostProof)}

    def as_json(self) -> dict[str, Any]:
        """Facts for `--json`."""
        return {
            "environment": self.environment,
            "same": self.same,
            "in_use": {version: list(hosts) for version, hosts in self.in_use.items()},
            "drifted": list(self.drifted),
            "hosts": {
                host: each.as_json() if isinstance(each, HostProof) else {"error": each.message}
                for host, each in self.proofs.items()
            },
        }


def diff(
    manifests: Iterable[Manifest],
    logins: Mapping[str, Login],
    *,
    quick: bool = False,
    seconds: float = 900.0,
) -> tuple[EnvironmentDiff, ...]:
    """Compare `logins` with what they should have, file by file; `quick`: only versions."""
    look: tuple[Look, ...] = QUICK if quick else ("tree",)
    return tuple(
        EnvironmentDiff(
            f"{manifest.name}-{manifest.identity}",
            verify(manifest, logins, look=look, seconds=seconds),
        )
        for manifest in manifests
    )
