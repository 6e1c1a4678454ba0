"""What `up` puts on other hosts besides seats: Arm machines for a lab, and workers that grade.

From the hub's host, through its own key. A host that can't have its service now is told of and
gets it at the next `up`; nobody's seat waits for that.
"""

from __future__ import annotations

from collections.abc import Mapping

from hub_config.arm_hosts.addresses import arm_hosts
from hub_config.arm_hosts.installing import ensure_arm_hosts
from hub_config.grading_hosts.dispatcher import NAME, ensure_dispatcher
from hub_config.grading_hosts.installing import GradingOrder, ensure_grading_hosts
from hub_config.grading_hosts.places import worker_hosts
from hub_config.install import Owner
from hub_config.settings import HubSettings, Secrets
from provisioning.errors import WorkshopError
from provisioning.providers.protocol import Progress


def ensure_services_on_hosts(
    settings: HubSettings,
    secrets: Secrets,
    environments: Mapping[str, str],
    owners: tuple[Owner | None, Owner | None],
    progress: Progress,
) -> tuple[str, ...]:
    """Programs here that must begin anew for it. The links must be written.

    `environments` is kernel name to identity; `owners` are the dispatcher's account and the
    grader's.
    """
    if hosts := arm_hosts(settings):
        progress("arm hosts", 0, len(hosts), "")
        _tell("arm hosts", len(hosts), ensure_arm_hosts(settings, secrets), progress)
    if not (workers := worker_hosts(settings)):
        return ()
    progress("grading hosts", 0, len(workers), "")
    own, grader = owners
    certificate = ensure_dispatcher(settings, own, grader)
    done = ensure_grading_hosts(GradingOrder(settings, environments, certificate, own))
    _tell("grading hosts", len(workers), done.failed, progress)
    return (NAME,) if done.changed else ()


def _tell(stage: str, total: int, failed: Mapping[str, WorkshopError], progress: Progress) -> None:
    note = "; ".join(error.message for error in failed.values())
    progress(stage, total - len(failed), total, note)
