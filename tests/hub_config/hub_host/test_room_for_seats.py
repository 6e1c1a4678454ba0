"""Whether everybody finds a seat, asked before hosts cost money."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub_config.hub_host.room_for_seats import refuse_too_few_places
from hub_config.people import walk_ins
from hub_config.spec import WorkshopSpec
from provisioning.errors import NotPossibleHere
from provisioning.places import wanted_hosts

COURSE = Path(__file__).parents[2] / "e2e" / "course"


def look(seats: int, *, count: int, kind: str, gpu: str = "whole") -> None:
    told = {
        "name": "demo",
        "course": str(COURSE),
        "seats": seats,
        "seat": {"gpu": gpu},
        "hosts": {
            "provider": "ec2",
            "region": "us-east-1",
            "spare": 1,
            "gpu": {"count": count, "types": kind.split()},
        },
    }
    spec = WorkshopSpec.model_validate(told)
    assert spec.hosts is not None
    refuse_too_few_places(spec, walk_ins(seats), wanted_hosts(spec.hosts))


def test_a_gpu_for_each_is_counted_by_the_smallest_type_that_may_come() -> None:
    look(8, count=8, kind="g4dn.xlarge")
    look(8, count=2, kind="g4dn.12xlarge")
    with pytest.raises(NotPossibleHere, match="8 seats"):
        look(8, count=2, kind="g4dn.12xlarge g4dn.xlarge")


def test_a_spare_is_no_place_and_sharing_makes_room() -> None:
    with pytest.raises(NotPossibleHere):
        look(3, count=2, kind="g4dn.xlarge")
    look(3, count=2, kind="g4dn.xlarge", gpu="shared")
