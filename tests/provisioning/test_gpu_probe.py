"""An environment that is made for GPUs must have computed on one before its host is ready.

There is no GPU on this machine. The frameworks are stand-ins that answer as the real ones do
with and without one; our program, its account and its deadline are real, on a real host.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioning.environments.manifest import manifest_for
from provisioning.environments.shipping.hosts import ShipHost
from provisioning.environments.shipping.ship import ShipOptions, ship
from provisioning.errors import WorkshopError
from provisioning.fleet import Address
from provisioning.gpu_probe import GpuUnusable, probe_gpu
from provisioning.ssh.login import Login
from tests.cloud.machines.yard import namespace_hosts
from tests.provisioning.environments.shipping.tiny_archive import Wanted, pack_tiny

#: `mxnet` as 1.9.1 with CUDA behaves; what `gpu` does is each test's.
MXNET = """
import os
class runtime:
    class Features:
        def is_enabled(self, name): return {cuda}
def gpu(number):
    {gpu}
class nd:
    @staticmethod
    def ones(shape, ctx): return Sum(shape[0])
class Sum(float):
    def sum(self): return self
    def asscalar(self): return self
"""


@pytest.fixture(scope="module")
def login() -> Iterator[Login]:
    with namespace_hosts(1, prefix="probe") as (host,):
        yield Login(Address(host.addresses.public), host.key_file, (host.host_key,))


def probe(
    login: Login, folder: Path, *, gpu: str, cuda: bool = True, seconds: float = 30
) -> WorkshopError | None:
    """What is said of a host with an environment whose `mxnet.gpu` does this."""
    module = MXNET.format(gpu=gpu, cuda=cuda)
    wanted = Wanted(
        Path("/opt/workshop/environments"),
        name="gpu",
        identity=f"{abs(hash((gpu, cuda))) % 16**12:012x}",
        bulk=1000,
        imports=("mxnet",),
        modules={"mxnet": module},
    )
    archive = pack_tiny(wanted, folder)
    shipped = ship(archive, {"gpu-01": ShipHost(login)}, options=ShipOptions(seconds=60))
    assert shipped.lacking == ()
    return probe_gpu(manifest_for(archive), {"gpu-01": login}, seconds=seconds).get("gpu-01")


def test_a_gpu_that_computes_is_fine_and_is_used_by_an_account_that_owns_nothing(
    login: Login, tmp_path: Path
) -> None:
    assert probe(login, tmp_path, gpu="assert os.getuid() == os.getgid() == 65534") is None


def test_a_build_without_cuda_is_asked_nothing_more(login: Login, tmp_path: Path) -> None:
    assert probe(login, tmp_path, gpu="raise ValueError('asked')", cuda=False) is None


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        ("CUDA: CUDA driver version is insufficient for CUDA runtime version", "too old"),
        ("Check failed: e == cudaSuccess: CUDA: no CUDA-capable device is detected", "no GPU can"),
        ("libcuda.so.1: cannot open shared object file", "no NVIDIA driver"),
        ("CUDA: no kernel image is available for execution on the device", "no such GPU"),
    ],
)
def test_the_cause_is_named(login: Login, tmp_path: Path, error: str, cause: str) -> None:
    problem = probe(login, tmp_path, gpu=f"raise RuntimeError({error!r})")
    assert isinstance(problem, GpuUnusable)
    assert problem.message.startswith("gpu-01: mxnet of gpu can't compute on the GPU:")
    assert cause in problem.message
    assert error in problem.message
    assert "workshop host replace gpu-01" in problem.next_step


def test_a_computation_that_hangs_or_crashes_is_told(login: Login, tmp_path: Path) -> None:
    hangs = probe(login, tmp_path, gpu="import time; time.sleep(60)", seconds=2)
    assert "took too long" in str(hangs)
    crashes = probe(login, tmp_path, gpu="os.kill(os.getpid(), 11)")
    assert "mxnet of gpu can't compute on the GPU: it ended with status" in str(crashes)
