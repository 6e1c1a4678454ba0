"""One small computation on the GPU of a host, with an environment that is made for GPUs.

nvidia-smi shows that there is a driver. Whether this driver is new enough for the environment's
CUDA, and whether its framework knows this GPU, only shows when something is computed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from provisioning.environments.manifest import Manifest
from provisioning.errors import NotPossibleHere, WorkshopError
from provisioning.ssh.connection import Connection
from provisioning.ssh.errors import last_of
from provisioning.ssh.kept_output import Finished
from provisioning.ssh.login import Login
from provisioning.ssh.pool import on_each
from provisioning.ssh.remote_command import script

#: The first use of a GPU after a boot reads gigabytes of libraries from a cold disk.
SECONDS: Final = 240
#: Modules that can compute on a GPU, as the program below knows them.
FRAMEWORKS: Final = ("mxnet", "torch", "cupy", "jax", "tensorflow")
#: As `timeout` ends a program that took too long (coreutils' manual page).
_TOO_LONG = 124

# Under an account that owns nothing, as a seat would.
_AS_NOBODY: Final = r"""
cd /
exec setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs \
    env -i PATH=/usr/bin:/bin LC_ALL=C.UTF-8 HOME=/nonexistent \
    timeout -k 5 "$seconds" "$python" -I -B - $modules
"""

# Runs in the environment. Each framework says whether it was built for GPUs, then adds up 8 ones.
_PROGRAM: Final = r"""
import importlib, importlib.util, json, sys

def mxnet(mx):
    if mx.runtime.Features().is_enabled("CUDA"):
        return float(mx.nd.ones((8,), ctx=mx.gpu(0)).sum().asscalar())

def torch(torch):
    if torch.version.cuda:
        return float(torch.ones(8, device="cuda").sum().item())

def cupy(cupy):
    return float(cupy.ones(8).sum().item())

def jax(jax):
    if any(importlib.util.find_spec(f"jax_cuda{version}_plugin") for version in (12, 13)):
        return float(jax.device_put(jax.numpy.ones(8), jax.devices("gpu")[0]).sum())

def tensorflow(tf):
    if tf.test.is_built_with_cuda():
        with tf.device("/GPU:0"):
            return float(tf.reduce_sum(tf.ones(8)).numpy())

for name in sys.argv[1:]:
    print("\n" + json.dumps({"module": name, "state": "trying"}), flush=True)
    try:
        found = globals()[name](importlib.import_module(name))
        state = {None: "not made for GPUs", 8.0: "computed"}.get(found, "wrong")
        said = {"module": name, "state": state, "error": f"8 ones added up to {found}"}
    except BaseException as error:
        said = {"module": name, "state": "failed", "error": f"{type(error).__name__}: {error}"}
    print("\n" + json.dumps(said), flush=True)
"""

#: What the loader, CUDA and the frameworks say, and what it means.
_CAUSES: Final = (
    ("libcuda.so", "the host has no NVIDIA driver", "use an image with a driver"),
    ("cannot open shared object", "a library is missing on the host", "install it on the host"),
    ("insufficient", "the driver is too old for this CUDA", "use an image with a newer driver"),
    ("too old", "the driver is too old for this CUDA", "use an image with a newer driver"),
    ("no kernel image", "the framework knows no such GPU", "choose another type of host"),
    ("not compatible", "the framework knows no such GPU", "choose another type of host"),
    ("no CUDA-capable", "no GPU can be used", "look at `nvidia-smi` on the host"),
    ("No CUDA GPUs", "no GPU can be used", "look at `nvidia-smi` on the host"),
    ("invalid device ordinal", "no GPU can be used", "look at `nvidia-smi` on the host"),
)


class GpuUnusable(NotPossibleHere):
    """The environment can't compute on the GPU of this host."""


def probe_gpu(
    manifest: Manifest, logins: Mapping[str, Login], *, seconds: float = SECONDS
) -> dict[str, WorkshopError]:
    """Why `manifest`'s environment can't compute on the GPU, for each host where that is so.

    Nothing is asked when it has no framework for GPUs. `seconds` is for each host's computation.
    """
    modules = [name for name in FRAMEWORKS if name in manifest.imports]
    if not modules or not logins:
        return {}
    command = script(
        f"compute on the GPU with {manifest.name}",
        _AS_NOBODY,
        seconds=round(seconds),
        python=f"{manifest.prefix}/{manifest.python}",
        modules=" ".join(modules),
    )

    def compute(name: str, connection: Connection) -> WorkshopError | None:
        finished = connection.run(
            command, stdin=_PROGRAM.encode(), seconds=seconds + 15, check=False
        )
        return _judge(name, manifest.name, finished)

    found = on_each(logins, compute, seconds=seconds + 60, workers=len(logins))
    return {name: why for name, why in found.items() if why is not None}


def _judge(host: str, environment: str, finished: Finished) -> GpuUnusable | None:
    said = [json.loads(line) for line in finished.stdout.splitlines() if line.startswith(b'{"')]
    results: list[dict[str, Any]] = [each for each in said if each["state"] != "trying"]
    if bad := next((each for each in results if each["state"] in ("failed", "wrong")), None):
        return _unusable(host, environment, bad["module"], bad["error"])
    if finished.status == 0 and results:
        return None
    module = said[-1]["module"] if said else "python"
    if finished.status == _TOO_LONG:
        return _unusable(host, environment, module, "it took too long and was ended")
    how = f"it ended with status {finished.status}: {last_of(finished.stderr) or 'no word'}"
    return _unusable(host, environment, module, how)


def _unusable(host: str, environment: str, module: str, error: str) -> GpuUnusable:
    cause = next((each for each in _CAUSES if each[0] in error), None)
    what = f"{cause[1]} ({error[:500]})" if cause else error[:500]
    step = f"{cause[2]}, then " if cause else ""
    return GpuUnusable(
        f"{host}: {module} of {environment} can't compute on the GPU: {what}",
        next_step=f"{step}`workshop host replace {host}`",
    )
