"""Runs verbs of the EC2 provider, each in a process of its own that may be killed on the way.

python -m tests.provisioning.providers.ec2.mortal_process

reads orders from its input, one JSON object a line, and answers each with one. The imports are
done once, here; each order gets a fork, which takes milliseconds. This process has one thread.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
import time
import traceback
import urllib.request
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import boto3

from provisioning.errors import WorkshopError
from provisioning.providers.ec2.aws import Aws
from provisioning.providers.ec2.order import Surroundings
from provisioning.providers.ec2.pace import Pace
from provisioning.providers.ec2.teardown import Patience
from tests.provisioning.providers.ec2.kill_points import KillPoints
from tests.provisioning.providers.ec2.small_fleet import HOSTS, act, small_provider


class CloudTime:
    """The cloud's own time, from another process: sleeping moves it on and takes no time."""

    def __init__(self, ahead: float) -> None:
        self._ahead = ahead
        self._moving = threading.Lock()

    def now(self) -> float:
        return time.monotonic() + self._ahead

    def utc(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self._ahead)

    def sleep(self, seconds: float) -> None:
        with self._moving:
            self._ahead += seconds
        address = f"{os.environ['AWS_ENDPOINT_URL']}/cloud-of-the-tests/advance/{seconds}"
        with urllib.request.urlopen(address, timeout=10):
            pass


def obey_here(order: dict[str, Any]) -> str:
    """Do the verb; why it did not do all, or nothing."""
    time_ = CloudTime(order["ahead"])
    pace = Pace(now=time_.now, sleep=time_.sleep, jitter=lambda: 1.0)
    # longer than the cloud hides new hosts, shorter than against AWS: each look takes 11 calls
    patience = Patience(quiet=4)
    around = Surroundings(clock=time_.utc, pace=pace, teardown=patience)
    folder = Path(order["folder"])
    provider = small_provider(folder, Aws(HOSTS.region), around)
    try:
        launched = act(order["verb"], provider, folder)
    except WorkshopError as error:
        return f"{type(error).__name__}: {error.message}"
    return "; ".join(f"{one.name}: {one.why.message}" for one in launched.missing)


def _in_child(order: dict[str, Any], answer: int) -> None:
    points = KillPoints(order.get("kill_at"))
    points.install()
    try:
        problem = obey_here(order)
    except BaseException:
        problem = traceback.format_exc()
    with os.fdopen(answer, "w") as file:
        json.dump({"problem": problem, "points": points.passed}, file)
    os._exit(0)


def obey(order: dict[str, Any]) -> dict[str, Any]:
    """Fork a process for the order; `{"killed": true}` is all that is left of a killed one."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _in_child(order, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        told = file.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return {"killed": True}
    return {"killed": False, **json.loads(told)}


def remember_clients() -> None:
    """Making a boto3 client takes long; forks inherit these, which have no connection yet."""
    make = boto3.Session.client

    @cache
    def made(service: str, region: str, attempts: int) -> Any:
        config = _CONFIGS[attempts]
        return make(boto3.Session(), service, region_name=region, config=config)

    def client(session: boto3.Session, service: str, *, region_name: str, config: Any) -> Any:
        attempts = config.retries["total_max_attempts"]
        _CONFIGS.setdefault(attempts, config)
        return made(service, region_name, attempts)

    boto3.Session.client = client
    for attempts in (1, 4):
        aws = Aws(HOSTS.region, attempts=attempts)
        aws._client("ec2")
        aws._client("ssm")


_CONFIGS: dict[int, Any] = {}


def main() -> None:
    remember_clients()
    gc.collect()
    gc.freeze()  # else each fork's garbage collection would copy all of this memory
    for line in sys.stdin:
        print(json.dumps(obey(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
