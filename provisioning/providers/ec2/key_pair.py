"""The public half of the workshop's own key, where AWS gives it to new hosts."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from provisioning.errors import AlreadyTaken
from provisioning.journal import Journal
from provisioning.providers.ec2 import tags
from provisioning.providers.ec2.calls import Calls
from provisioning.providers.ec2.errors import AlreadyThere, NotThere
from provisioning.providers.ec2.tags import Mark

_STEP = "ec2.key-pair"


def key_pair_name(workshop: str) -> str:
    return f"workshop-{workshop}"


@dataclass(frozen=True)
class KeyPairKeeper:
    """Brings one key to one region. The private half never leaves this computer."""

    calls: Calls
    journal: Journal
    mark: Mark

    def ensure(self, public: str) -> str:
        """The name of the key pair with this key ("ssh-ed25519 AAAA..."). Raises: AlreadyTaken.

        A key pair of the workshop with another key comes from a computer or a state folder that
        is gone; hosts that have it keep it, new ones get ours.
        """
        found = self._find()
        if found is not None and _same(found, public):
            return self._name
        if found is not None:
            self._delete()
        self._import(public)
        return self._name

    @property
    def _name(self) -> str:
        return key_pair_name(self.mark.workshop)

    def _find(self) -> Mapping[str, Any] | None:
        # A filter and not KeyNames: with KeyNames a missing one is an error.
        filters = [{"Name": "key-name", "Values": [self._name]}]
        found = self.calls.listing(
            "describe_key_pairs", "KeyPairs", Filters=filters, IncludePublicKey=True
        )
        if not found:
            return None
        owner = tags.read(found[0].get("Tags", ()))
        if owner is None or owner.workshop != self.mark.workshop:
            raise AlreadyTaken(
                f"The key pair {self._name} in {self.calls.region} has no tag of this workshop, "
                "so it was left alone",
                next_step="rename the workshop, or delete that key pair if nobody needs it",
            )
        return found[0]

    def _import(self, public: str) -> None:
        facts = {"name": self._name, "region": self.calls.region}
        self.journal.write("intent", _STEP, **facts)
        title = tags.tags(self.mark, title="key pair")
        try:  # a name can't be taken twice, so a lost answer is no danger
            self.calls.change(
                "import_key_pair",
                KeyName=self._name,
                PublicKeyMaterial=public.encode(),
                TagSpecifications=tags.specifications(["key-pair"], title),
            )
        except AlreadyThere as unclear:
            self._wait_for(public, unclear)
        self.journal.write("done", _STEP, **facts)

    def _wait_for(self, public: str, unclear: Exception) -> None:
        """Look whether the key came there nevertheless; if a listing never shows it, say why."""
        for _ in self.calls.pace.tries(first=0.5, most=5, seconds=60):
            found = self._find()
            if found is not None and _same(found, public):
                return
        raise unclear

    def _delete(self) -> None:
        facts = {"name": self._name, "region": self.calls.region}
        self.journal.write("intent", f"{_STEP}.delete", **facts)
        with suppress(NotThere):
            self.calls.change("delete_key_pair", KeyName=self._name)
        self.journal.write("done", f"{_STEP}.delete", **facts)


def _same(found: Mapping[str, Any], public: str) -> bool:
    """AWS may add a comment to the key."""
    told = str(found.get("PublicKey", ""))
    return told.split()[:2] == public.split()[:2]
