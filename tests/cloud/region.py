"""One region of the account: moto's backend, with instances that behave."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from moto.ec2.models import amis, ec2_backends
from moto.ec2.models.instances import Instance
from moto.ec2.utils import filter_dict_attribute_mapping

from tests.cloud.api_call import Answer, Call
from tests.cloud.images import add_images
from tests.cloud.instance_life import CloudInstance, Life
from tests.cloud.workplace import Workplace

#: Filters of DescribeInstances that moto lacks.
#: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html
filter_dict_attribute_mapping.setdefault("client-token", "client_token")
filter_dict_attribute_mapping.setdefault("instance-lifecycle", "lifecycle")


class Region:
    """Callers hold the cloud's lock."""

    def __init__(self, account: str, name: str, place: Workplace) -> None:
        self.account = account
        self.name = name
        self.place = place
        self.backend = _fresh_backend(account, name)
        add_images(self.backend)
        #: Client tokens by (token, zone): what was asked, what was answered, which instances.
        self.tokens: dict[tuple[str, str], tuple[Call, Answer, tuple[str, ...]]] = {}
        self._hiding = False
        self._all_reservations = self.backend.all_reservations
        self.backend.all_reservations = self._visible_reservations

    def instances(self) -> list[CloudInstance]:
        """All of them, also terminated ones and those that nobody can see yet."""
        return [
            instance
            for reservation in self.backend.reservations.values()
            for instance in reservation.instances
            if isinstance(instance, CloudInstance)
        ]

    def instance(self, instance_id: str) -> CloudInstance | None:
        return next((one for one in self.instances() if one.id == instance_id), None)

    def settle(self) -> None:
        """Let everything happen that is due."""
        for instance in self.instances():
            instance.advance()

    def adopt(self) -> list[CloudInstance]:
        """Give a life to the instances that moto just made, and return them."""
        found: list[Any] = [
            instance
            for reservation in self.backend.reservations.values()
            for instance in reservation.instances
            if not isinstance(instance, CloudInstance)
        ]
        for instance in found:
            instance.__class__ = CloudInstance
            instance.life = Life(self.place)
            instance.enter("pending")
        return found

    @contextmanager
    def hiding(self, call: Call) -> Iterator[None]:
        """While moto answers `call`, new instances are unknown for as long as it is set."""
        self._hiding = True
        try:
            yield
        finally:
            self._hiding = False
            named = call.values("InstanceId")
            for instance in self.instances():
                if call.action.startswith("DescribeInstance") or instance.id in named:
                    instance.life.hidden_calls = max(0, instance.life.hidden_calls - 1)

    def _visible_reservations(self, filters: Any = None) -> list[Any]:
        reservations: list[Any] = self._all_reservations(filters)
        if not self._hiding:
            return reservations
        for reservation in reservations:
            reservation.instances = [one for one in reservation.instances if not _hidden(one)]
        return [reservation for reservation in reservations if reservation.instances]


def _hidden(instance: Instance) -> bool:
    return isinstance(instance, CloudInstance) and instance.life.hidden


def _fresh_backend(account: str, name: str) -> Any:
    """Without the thousands of images that moto would load."""
    # Not in os.environ: clients of other threads find the way here by it.
    no_images = patch.object(amis, "environ", {"MOTO_AMIS_PATH": "none: they are made here"})
    with no_images, patch.object(amis, "AMIS", []):
        return ec2_backends[account][name]
