"""An image is found once by its public name; from then on its id is what counts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from provisioning.errors import NotPossibleHere
from provisioning.fleet import WantedHost
from provisioning.journal import Journal
from provisioning.providers.ec2.aws import Aws
from provisioning.providers.ec2.images import ensure_images, find_images
from tests.cloud.cloud import Cloud

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
HUB = WantedHost("hub", "hub", ("t3.large",), "on-demand", 50, None, ())
GPU = WantedHost("gpu-01", "gpu", ("g4dn.xlarge", "inf2.xlarge"), "spot", 100, None, ())


@pytest.fixture(scope="module")
def aws(cloud_server: Cloud) -> Iterator[Aws]:
    """One for all tests: making its clients costs more than all that they ask."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in cloud_server.environment().items():
            patch.setenv(name, value)
        yield Aws("us-east-1")


def journal_of(folder: Path, now: datetime = NOW) -> Journal:
    return Journal(folder / "journal.jsonl", clock=lambda: now)


def test_the_second_look_asks_nothing_of_aws(cloud: Cloud, aws: Aws, tmp_path: Path) -> None:
    first = ensure_images(aws, (HUB, GPU), journal_of(tmp_path), now=NOW)
    assert {entry.kind for entry in journal_of(tmp_path).entries()} == {"seen"}
    cloud.calls.clear()
    second = ensure_images(aws, (HUB,), journal_of(tmp_path), now=NOW + timedelta(days=6))
    assert not list(cloud.calls)
    assert second.of("t3.large") == first.of("t3.large")
    assert second.of("t3.large").id.startswith("ami-")


def test_a_role_that_comes_later_is_found_and_written_down_as_well(
    cloud: Cloud, aws: Aws, tmp_path: Path
) -> None:
    ensure_images(aws, (HUB,), journal_of(tmp_path), now=NOW)
    both = ensure_images(aws, (HUB, GPU), journal_of(tmp_path), now=NOW)
    assert both.of("g4dn.xlarge").least_gb == 35
    # An Inferentia chip needs no NVIDIA driver: it starts from plain Ubuntu, as the hub does.
    assert both.of("inf2.xlarge") == both.of("t3.large")
    assert len(journal_of(tmp_path).entries()) == 2


def test_after_a_week_and_in_another_region_images_are_found_anew(
    cloud: Cloud, aws: Aws, tmp_path: Path
) -> None:
    ensure_images(aws, (HUB,), journal_of(tmp_path), now=NOW)
    cloud.calls.clear()
    ensure_images(aws, (HUB,), journal_of(tmp_path), now=NOW + timedelta(days=8))
    assert "GetParameters" in cloud.calls.actions()
    west = ensure_images(aws.elsewhere("us-west-2"), (HUB,), journal_of(tmp_path), now=NOW)
    assert west.of("t3.large") != find_images(aws, (HUB,)).of("t3.large")


def test_an_image_of_ones_own_must_fit_the_type(cloud: Cloud, aws: Aws, tmp_path: Path) -> None:
    gpu = find_images(aws, (GPU,)).of("g4dn.xlarge")
    own = WantedHost("hub", "hub", ("m7i.large",), "on-demand", 50, gpu.id, ())
    assert ensure_images(aws, (own,), journal_of(tmp_path), now=NOW).of("m7i.large", gpu.id) == gpu
    arm = WantedHost("arm-01", "arm", ("a1.large",), "on-demand", 50, gpu.id, ())
    with pytest.raises(NotPossibleHere) as caught:
        find_images(aws, (arm,))
    assert "is for x86_64, and a1.large is arm64" in caught.value.message
    assert "name an image for arm64" in caught.value.next_step
