"""As an ordinary user every seat has the same account: the jail is all there is.

The same attacks as in test_isolation.py, on a workshop that an account without any right runs.
In every run, test_demo.py has one of its robots attack such a workshop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

# The tests themselves: one promise each.
from tests.e2e.isolation.appetite import *  # noqa: F403
from tests.e2e.isolation.classroom import (  # noqa: F401 - fixtures
    PEOPLE,
    SEAT,
    Classroom,
    ada,
    eve,
    nothing_lost,
    prepare,
)
from tests.e2e.isolation.course_secrets import *  # noqa: F403
from tests.e2e.isolation.grading import *  # noqa: F403
from tests.e2e.isolation.homes import *  # noqa: F403
from tests.e2e.isolation.processes import *  # noqa: F403
from tests.e2e.isolation.seat_codes import *  # noqa: F403
from tests.e2e.isolation.servers import *  # noqa: F403
from tests.e2e.isolation.submitting import *  # noqa: F403
from tests.e2e.isolation.uploads import *  # noqa: F403
from tests.e2e.ordinary_user import OrdinaryUser

pytestmark = pytest.mark.thorough


@pytest.fixture(scope="module")
def classroom(ordinary_user: OrdinaryUser) -> Iterator[Classroom]:
    workshop = ordinary_user.workshop("iso-jail", PEOPLE, extra=SEAT)
    try:
        workshop.up()
        classroom = Classroom(workshop)
        assert not classroom.has_accounts
        asyncio.run(prepare(classroom))
        yield classroom
    finally:
        workshop.cli("down", "--yes", check=False)
