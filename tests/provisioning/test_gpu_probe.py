"""An environment that is made for GPUs must have computed on one before its host is ready.

There is no GPU on this machine. The frameworks are stand-ins that answer as the real ones do
with and without one; our program, its account and its deadline are real, on a real host.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from provisioning.environments.manifest import Manifest, manifest_for
from provisioning.environments.shipping.hosts import ShipHost
from provisioning.environments.shipping.ship import ShipOptions, ship
from provisioning.errors import WorkshopError
from provisioning.fleet import Address
from provisioning.gpu_probe import GpuUnusable, probe_gpu
from provisioning.ssh.login import Login
from tests.cloud.machines.namespace_host import NamespaceHost
from tests.cloud.machines.yard import namespace_hosts
from tests.provisioning.environments.shipping.tiny_archive import Wanted, pack_tiny

#: `mxnet` as 1.9.1 behaves: whether it has CUDA, and what `gpu` does, is in a file of the host.
MXNET = """
import os
class runtime:
    class Features:
        def is_enabled(self, name): return open("/var/tmp/cuda").read() == "yes"
def gpu(number):
    exec(open("/var/tmp/gpu").read())
class nd:
    @staticmethod
    def ones(shape, ctx): return Sum(shape[0])
class Sum(float):
    def sum(self): return self
    def asscalar(self): return self
"""


@dataclass(frozen=True)
class GpuHost:
    """A host with the environment; `probe` says what is wrong when its `mxnet.gpu` does this."""

    machine: NamespaceHost
    login: Login
    manifest: Manifest

    def probe(self, gpu: str, *, cuda: bool = True, seconds: float = 30) -> WorkshopError | None:
        has = "yes" if cuda else "no"
        write = f"printf {has} > /var/tmp/cuda; cat > /var/tmp/gpu <<'END'\n{gpu}\nEND"
        self.machine.inside(write)
        return probe_gpu(self.manifest, {"gpu-01": self.login}, seconds=seconds).get("gpu-01")


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GpuHost]:
    wanted = Wanted(
        Path("/opt/workshop/environments"),
        name="gpu",
        bulk=1000,
        imports=("mxnet",),
        modules={"mxnet": MXNET},
    )
    archive = pack_tiny(wanted, tmp_path_factory.mktemp("probe"))
    with namespace_hosts(1, prefix="probe") as (plain,):
        login = Login(Address(plain.addresses.public), plain.key_file, (plain.host_key,))
        shipped = ship(archive, {"gpu-01": ShipHost(login)}, options=ShipOptions(seconds=60))
        assert shipped.lacking == ()
        yield GpuHost(plain.machine, login, manifest_for(archive))


def test_a_gpu_that_computes_is_fine_and_is_used_by_an_account_that_owns_nothing(
    host: GpuHost,
) -> None:
    assert host.probe("assert os.getuid() == os.getgid() == 65534") is None


def test_a_build_without_cuda_is_asked_nothing_more(host: GpuHost) -> None:
    assert host.probe("raise ValueError('asked')", cuda=False) is None


def test_an_environment_without_a_framework_is_not_asked(host: GpuHost) -> None:
    nowhere = {"gpu-01": replace(host.login, address=Address("198.51.100.1"))}
    assert probe_gpu(replace(host.manifest, imports=("json",)), nowhere) == {}


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        ("CUDA: CUDA driver version is insufficient for CUDA runtime version", "too old"),
        ("Check failed: e == cudaSuccess: CUDA: no CUDA-capable device is detected", "no GPU can"),
        ("libcuda.so.1: cannot open shared object file", "no NVIDIA driver"),
        ("CUDA: no kernel image is available for execution on the device", "no such GPU"),
    ],
)
def test_the_cause_is_named(host: GpuHost, error: str, cause: str) -> None:
    problem = host.probe(f"raise RuntimeError({error!r})")
    assert isinstance(problem, GpuUnusable)
    assert problem.message.startswith("gpu-01: mxnet of gpu can't compute on the GPU:")
    assert cause in problem.message
    assert error in problem.message
    assert "workshop host replace gpu-01" in problem.next_step


def test_a_computation_that_hangs_or_crashes_is_told(host: GpuHost) -> None:
    assert "took too long" in str(host.probe("import time; time.sleep(60)", seconds=2))
    crashes = str(host.probe("os.kill(os.getpid(), 11)"))
    assert "mxnet of gpu can't compute on the GPU: it ended with status" in crashes
