"""The values of the Zero to JupyterHub chart that a workshop's file and roster stand for. Pure.

https://z2jh.jupyter.org/en/stable/resources/reference.html explains each of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from hub_config.people import ROLES, Person, group_of
from hub_config.spec import WorkshopSpec
from provisioning.hosts_spec import Ec2GpuSpec, Ec2HostsSpec, MachineHostsSpec

Values = dict[str, Any]

#: Where the image keeps the labs, and where a seat's home is: jovyan's, as in Jupyter's images.
LABS = "/opt/workshop/labs"
HOME = "/home/jovyan"
UID, GID = 1000, 100
#: People read more than they compute: four seats share a core that nobody else uses.
_CORES_GUARANTEED = 0.25
#: A node that has to fetch the image first needs minutes.
_START_SECONDS = 600
_HOME_GIGABYTES = 2
_EVERY_SECONDS = 60
#: Its first login decides about a password; the roster decides who may enter.
_DEFAULT_LOGIN = "firstuseauthenticator.FirstUseAuthenticator"


@dataclass(frozen=True)
class Image:
    """What every seat runs: where a registry has it."""

    name: str
    tag: str


def chart_values(spec: WorkshopSpec, people: Iterable[Person], image: Image) -> Values:
    """Everything that is not the chart's own default, and what must not become one."""
    known = tuple(people)
    return {
        "hub": _hub(spec, known),
        "proxy": {"https": _https(spec)},
        "singleuser": _seat(spec, image),
        "cull": {
            "enabled": True,
            "users": False,
            "timeout": spec.hub.idle_minutes * 60,
            "every": _EVERY_SECONDS,
        },
        # The image is on every node before the class begins.
        "prePuller": {"hook": {"enabled": True}, "continuous": {"enabled": True}},
        "custom": {"workshop": {"name": spec.name, "seats": len(known)}},
    }


def _hub(spec: WorkshopSpec, people: tuple[Person, ...]) -> Values:
    config: Values = {
        "Authenticator": {
            "allowed_users": sorted(person.username for person in people),
            # Instructors get what they need by the role below; an admin could do anything.
            "admin_users": [],
        },
        "JupyterHub": {
            "authenticator_class": spec.hub.login.class_name or _DEFAULT_LOGIN,
            "load_groups": {
                group_of(role): {
                    "users": [person.username for person in people if person.role == role]
                }
                for role in ROLES
            },
        },
    }
    name = config["JupyterHub"]["authenticator_class"].rpartition(".")[2]
    config[name] = spec.hub.login.config if spec.hub.login.class_name else {"create_users": False}
    return {
        "config": config,
        "loadRoles": {
            "staff": {
                "description": "See who is there; start and stop servers.",
                "scopes": ["admin-ui", "list:users", "read:users", "admin:servers"],
                "groups": [group_of("instructor"), group_of("assistant")],
            }
        },
        "allowNamedServers": False,
        "activeServerLimit": len(people),
        # The chart's JupyterHub can't read the tables of ours: it is another version.
        "db": {"type": "sqlite-pvc"},
    }


def _https(spec: WorkshopSpec) -> Values:
    """With a certificate of one's own; the chart can also get one itself."""
    address = urlsplit(spec.hub.public_address)
    if spec.hub.tls is None:
        return {"enabled": False}
    secret = {"name": f"{spec.name}-tls", "key": "tls.key", "crt": "tls.crt"}
    return {"enabled": True, "type": "secret", "hosts": [address.hostname], "secret": secret}


def _seat(spec: WorkshopSpec, image: Image) -> Values:
    megabytes = spec.seat.memory // 2**20
    values: Values = {
        "image": {"name": image.name, "tag": image.tag},
        "cmd": "jupyterhub-singleuser",
        "defaultUrl": "/lab",
        "startTimeout": _START_SECONDS,
        "uid": UID,
        "fsGid": GID,
        "allowPrivilegeEscalation": False,
        # In megabytes as text: Helm writes large numbers with an exponent.
        "memory": {"limit": f"{megabytes}M", "guarantee": f"{megabytes}M"},
        "cpu": {"limit": spec.seat.cpus, "guarantee": min(spec.seat.cpus, _CORES_GUARANTEED)},
        "storage": {
            "type": "dynamic",
            "capacity": f"{_HOME_GIGABYTES}Gi",
            "homeMountPath": HOME,
        },
        # An empty volume hides what the image has there, so the labs are copied in. Nobody's
        # work is overwritten.
        "lifecycleHooks": {
            "postStart": {"exec": {"command": ["sh", "-c", f"cp -rn {LABS}/. {HOME}/"]}}
        },
        "networkPolicy": {
            "enabled": True,
            # Not the cluster's own network: there are databases, and other people's pods.
            "egressAllowRules": {"cloudMetadataServer": False, "privateIPs": False},
        },
        "cloudMetadata": {"blockWithIptables": True, "ip": "169.254.169.254"},
    }
    if _on_gpus(spec):
        values["extraResource"] = {
            "limits": {"nvidia.com/gpu": "1"},
            "guarantees": {"nvidia.com/gpu": "1"},
        }
    return values


def _on_gpus(spec: WorkshopSpec) -> bool:
    """Whether each seat has a GPU to itself. A cluster knows no other way to hand them out."""
    match spec.hosts:
        case Ec2HostsSpec(gpu=Ec2GpuSpec(count=count)):
            return count > 0 and spec.seat.gpu == "whole"
        case MachineHostsSpec(machines=machines):
            return spec.seat.gpu == "whole" and any(each.role == "gpu" for each in machines)
        case _:
            return False
