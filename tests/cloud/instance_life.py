"""An instance that takes its time: pending, running, stopping, stopped, shutting down, gone.

moto's instances run at once and end at once. These go through the states that AWS documents,
by the clock or with a machine behind them.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html
"""

from __future__ import annotations

import copy
import time
from concurrent.futures import Future
from typing import Any, Literal, cast

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.instances import Instance, InstanceState, StateReason

from tests.cloud.machines_protocol import Addresses, MachineState
from tests.cloud.workplace import Workplace

Goal = Literal["running", "stopped", "terminated"]
CODES = {
    "pending": 0,
    "running": 16,
    "shutting-down": 32,
    "terminated": 48,
    "stopping": 64,
    "stopped": 80,
}
BY_USER = ("Client.UserInitiatedShutdown", "User initiated shutdown")
#: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/troubleshooting-launch.html
BY_ITSELF = ("Client.InstanceInitiatedShutdown", "Instance initiated shutdown")
BY_SPOT = ("Server.SpotInstanceTermination", "Spot Instance termination")
NO_MACHINE = ("Server.InternalError", "Internal error on launch")
#: Describe calls ask a machine at most so often.
_ASK_SECONDS = 0.2


class Life:
    """Where an instance is going, when it arrives, and the machine behind it."""

    def __init__(self, place: Workplace) -> None:
        self.place = place
        self.hidden_calls = place.settings.hidden_from_calls
        self.visible_at = place.now() + place.settings.visible_after_seconds
        self.goal: Goal | None = "running"
        self.due = place.now() + place.settings.pending_seconds
        self.running_since: float | None = None
        #: The machine's job under way; its result may be where the machine is reached.
        self.job: Future[Addresses | None] | None = None
        self.addresses: Addresses | None = None
        #: The public address that the last stop gave back.
        self.given_back: str | None = None
        self.powered_off = False
        self._asked = float("-inf")
        self._answer: MachineState = "booting"

    @property
    def hidden(self) -> bool:
        """Not visible yet. https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html"""
        return self.hidden_calls > 0 or self.place.now() < self.visible_at

    def head_for(self, goal: Goal, seconds: float) -> None:
        self.goal, self.due = goal, self.place.now() + seconds

    def arrived(self) -> bool:
        busy = self.job is not None and not self.job.done()
        return not busy and self.place.now() >= self.due

    def machine_state(self, instance_id: str) -> MachineState:
        """From the machine; without one, by the clock."""
        if self.powered_off:
            return "off"
        if self.place.machines is None:
            waited = self.place.now() - (self.running_since or self.place.now())
            return "up" if waited >= self.place.settings.initializing_seconds else "booting"
        if time.monotonic() - self._asked > _ASK_SECONDS:
            self._answer = self.place.machines.state(instance_id)
            self._asked = time.monotonic()
        return self._answer


class CloudInstance(Instance):
    """moto's instance after RunInstances made it: `adopt` gives it a life."""

    life: Life
    spot_instance_request_id: str | None = None

    def enter(self, state: str, reason: tuple[str, str] | None = None) -> None:
        self._state = InstanceState(state, CODES[state])
        if reason:
            self.state_reason = StateReason(f"{reason[0]}: {reason[1]}", reason[0])

    def advance(self) -> None:
        """Do what is due by now."""
        if self.life.goal is None and self.state == "running":
            self._notice_power_off()
        if self.life.goal is None or not self.life.arrived():
            return
        goal, self.life.goal = self.life.goal, None
        match goal:
            case "running":
                self._arrive()
            case "stopped":
                self.enter("stopped")
            case "terminated":
                reason = self.state_reason
                super().terminate()  # volumes and network interfaces go now
                self.state_reason = reason
                self.enter("terminated")

    def _arrive(self) -> None:
        if self.life.job is not None and self.life.job.exception() is not None:
            self.begin_termination(NO_MACHINE)
            return
        if self.life.job is not None:
            self._move_to(cast(Addresses, self.life.job.result()))
        self.life.running_since = self.life.place.now()
        self.life.powered_off = False
        self.enter("running")

    def _move_to(self, addresses: Addresses) -> None:
        self.life.addresses = addresses
        nic = self.nics[0]
        nic.public_ip, nic.private_ip_address = addresses.public, addresses.private
        nic.private_ip_addresses = [{"Primary": True, "PrivateIpAddress": addresses.private}]

    def _notice_power_off(self) -> None:
        """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_ChangingInstanceInitiatedShutdownBehavior.html"""
        if self.life.machine_state(self.id) != "off":
            return
        if self.instance_initiated_shutdown_behavior == "terminate":
            self.begin_termination(BY_ITSELF)
        else:
            self.begin_stop(BY_ITSELF)

    def begin_termination(self, reason: tuple[str, str]) -> None:
        place = self.life.place
        self.enter("shutting-down", reason)
        self.life.head_for("terminated", place.settings.shutting_down_seconds)
        if place.machines is not None:
            machines = place.machines
            self.life.job = place.run(self.id, lambda: machines.terminate(self.id))

    def begin_stop(self, reason: tuple[str, str]) -> None:
        place = self.life.place
        nic = self.nics[0]
        held = nic.public_ip
        super().stop()  # gives the public address back
        self.life.given_back = None if nic.public_ip else held
        self.enter("stopping", reason)
        self.life.head_for("stopped", place.settings.stopping_seconds)
        if place.machines is not None:
            machines = place.machines
            self.life.job = place.run(self.id, lambda: machines.stop(self.id))

    # What moto's backend calls. Each returns the state before.

    def terminate(self) -> InstanceState:
        before = copy.copy(self._state)
        if self.state not in ("shutting-down", "terminated"):
            self.begin_termination(BY_USER)
        return before

    def stop(self) -> InstanceState:
        before = copy.copy(self._state)
        if self.state == "running":
            self._require_stoppable()
            self.begin_stop(BY_USER)
        elif self.state not in ("stopping", "stopped"):
            raise _wrong_state(self.id, "stopped")
        return before

    def start(self) -> InstanceState:
        before = copy.copy(self._state)
        if self.state == "running":
            return before
        if self.state != "stopped":
            raise _wrong_state(self.id, "started")
        place = self.life.place
        super().start()
        while self.life.given_back is not None and self.nics[0].public_ip == self.life.given_back:
            super().start()  # moto draws the address at random
        self.enter("pending")
        self.life.head_for("running", place.settings.pending_seconds)
        if place.machines is not None:
            machines = place.machines
            self.life.job = place.run(self.id, lambda: machines.start(self.id))
        return before

    def reboot(self) -> None:
        place = self.life.place
        if self.state != "running":
            raise _wrong_state(self.id, "rebooted")
        if place.machines is not None:
            machines = place.machines
            place.run(self.id, lambda: machines.reboot(self.id))

    def _require_stoppable(self) -> None:
        """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/stop-start-spot-instances.html"""
        if self.lifecycle == "spot":
            raise EC2ClientError(
                "UnsupportedOperation",
                f"You can't stop the Spot Instance '{self.id}' because it is associated with a "
                "one-time Spot Instance request. You can only stop Spot Instances associated "
                "with persistent Spot Instance requests.",
            )

    # What Describe calls tell.

    @property
    def public_ip(self) -> str | None:
        return self.nics[0].public_ip if self.state == "running" else None

    @property
    def public_ip_address(self) -> str | None:
        return self.public_ip

    @property
    def private_ip_address(self) -> str | None:
        gone = self.state in ("shutting-down", "terminated")
        return None if gone else self.nics[0].private_ip_address

    @property
    def network_interfaces(self) -> list[Any]:
        return [] if self.state == "terminated" else list(self.nics.values())

    @property
    def instance_status(self) -> dict[str, Any]:
        """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-system-instance-status-check.html"""
        if self.state != "running":
            return {"Status": "not-applicable"}
        passed = self.life.machine_state(self.id) == "up"
        return {
            "Details": [{"Name": "reachability", "Status": "passed" if passed else "initializing"}],
            "Status": "ok" if passed else "initializing",
        }

    @property
    def system_status(self) -> dict[str, Any]:
        return self.instance_status


def _wrong_state(instance_id: str, done: str) -> EC2ClientError:
    return EC2ClientError(
        "IncorrectInstanceState",
        f"The instance '{instance_id}' is not in a state from which it can be {done}.",
    )
