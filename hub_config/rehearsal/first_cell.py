"""The first cell that a robot runs: a sum, on the course's own library and on the seat's GPU.

Computed by the kernel of the course, not by the hub's Python. A course without MXNet gets a
plain sum.
"""

from __future__ import annotations

from hub_config.rehearsal.errors import RobotStuck

SUM = "6.0"
NO_GPU = "no-gpu"

FIRST_CELL = f"""\
import importlib.util, os
total, device = {SUM}, "cpu"
if importlib.util.find_spec("mxnet"):
    import mxnet as mx
    place = mx.gpu() if mx.context.num_gpus() else mx.cpu()
    total, device = float(mx.nd.arange(4, ctx=place).sum().asscalar()), str(place)
    promised = os.environ.get("CUDA_VISIBLE_DEVICES") and mx.runtime.Features().is_enabled("CUDA")
    if promised and place == mx.cpu():
        device = "{NO_GPU}"
print(total, device)
"""
#: Says the same again, if the kernel is still the one that ran the first cell.
STILL_THERE = "print(total, device)"


def device_of(output: str) -> str:
    """Where the sum was computed, such as gpu(0). RobotStuck when it is wrong."""
    total, _, device = output.strip().partition(" ")
    if total != SUM or not device:
        raise RobotStuck(f"the cell said {output[:200]!r}, not the sum {SUM}")
    if device == NO_GPU:
        raise RobotStuck("the seat was given a GPU, and MXNet sees none")
    return device
