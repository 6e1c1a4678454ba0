"""What the tests of the EC2 provider share."""

from pathlib import Path

import pytest

from provisioning.fleet_state import FleetState
from tests.cloud.cloud import Cloud
from tests.provisioning.providers.ec2.rehearsal import Rehearsal


@pytest.fixture
def rehearsal(cloud: Cloud, tmp_path: Path) -> Rehearsal:
    """A workshop that nobody has brought up, and an account without machines."""
    return Rehearsal(cloud, FleetState(tmp_path / "fleet"))
