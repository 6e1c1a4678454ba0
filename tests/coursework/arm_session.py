"""The lab's way to an Arm, from a network in MXNet to answers over RPC. Prints one JSON object.

    python arm_session.py PORT_THAT_MUST_STAY_OUT_OF_REACH

Runs in the deployment environment, with WORKSHOP_ARM_RPC and WORKSHOP_ARM_KEY set.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import mxnet as mx
import numpy as np
import tvm
from tvm import relax
from tvm.script import tirx as T

from benchmarks.deployment.lab_cells import load_lab

lab = load_lab()
A72 = {"kind": "llvm", "mtriple": "aarch64-linux-gnu", "mcpu": "cortex-a72"}
VOCAB = ["<pad>", "<unk>", "tea"]


def network(length: int, **size: int) -> tuple[Any, list[np.ndarray]]:
    """An encoder with random weights, a padded input, and MXNet's answer as the last array."""
    mx.random.seed(3)
    rng = np.random.default_rng(3)
    net = lab["Encoder"](num_tokens=500, length=length, num_classes=4, **size)
    net.initialize(mx.init.Normal(0.1))
    sentences = [rng.integers(1, 500, size=length // 2 + 3).tolist()]
    arrays = list(lab["pad_batch"](sentences, length, 0))
    arrays.append(net(*map(mx.nd.array, arrays)).asnumpy())
    return net, arrays


def answer(machine: Any, device: Any, arrays: list[np.ndarray]) -> float:
    """How far a machine's answer is from MXNet's."""
    tensors = [tvm.runtime.tensor(array, device) for array in arrays[:2]]
    return float(np.abs(machine["main"](*tensors).numpy() - arrays[2]).max())


def parity(length: int, **size: int) -> dict[str, float]:
    """The lab's schedule against MXNet, here and on the Arm."""
    net, arrays = network(length, **size)
    module = lab["to_relax"](lab["to_onnx"](net, [(1, length), (1, length)]))
    here = tvm.compile(lab["optimise"](module, lab["LANES"]), target=tvm.target.Target(lab["HOST"]))
    code = lab["library_for_arm"](lab["optimise"](module, 4), A72)
    session = lab["connect_to_arm"]()
    on_arm = lab["load_on"](session, code, *papers(code, A72, length))
    return {
        "x86": answer(relax.VirtualMachine(here, tvm.cpu()), tvm.cpu(), arrays),
        "cortex-a72": answer(on_arm, session.cpu(0), arrays),
        "spread": float(np.ptp(arrays[2])),
    }


def papers(code: bytes, target: dict[str, str], length: int) -> tuple[dict, dict]:
    """An honest manifest, and the box that an A1 is."""
    manifest = lab["make_manifest"](code, target, length, VOCAB)
    vocab = manifest["vocab_sha256"]
    box = {"machine": 183, "mcpu": "cortex-a72", "length": length, "vocab_sha256": vocab}
    return manifest, box


def refusals() -> dict[str, str]:
    """What the loader says to packages that don't belong on an A1. None of them is sent."""
    net, _ = network(16, num_layers=1, num_hiddens=16, num_heads=2, num_ffn=32)
    module = lab["to_relax"](lab["to_onnx"](net, [(1, 16), (1, 16)]))
    newer = {**A72, "mcpu": "neoverse-v1"}
    arm, sve = (lab["library_for_arm"](module, target) for target in (A72, newer))
    x86 = lab["export"](tvm.compile(module, target=tvm.target.Target(lab["HOST"])))
    manifest, box = papers(arm, A72, 16)
    said = {}
    for name, code, told in (
        ("another architecture", x86, papers(x86, lab["HOST"], 16)[0]),
        ("another architecture, manifest says Arm", x86, papers(x86, A72, 16)[0]),
        ("another mcpu", sve, papers(sve, newer, 16)[0]),
        ("tampered code", arm[:-1] + bytes([arm[-1] ^ 1]), manifest),
        ("tampered length", arm, {**manifest, "length": 32}),
        ("tampered checksum", arm, {**manifest, "sha256": "0" * 64}),
        ("another vocabulary", arm, lab["make_manifest"](arm, A72, 16, ["other"])),
    ):
        try:
            lab["load_on"](None, code, told, box)
            said[name] = ""
        except ValueError as error:
            said[name] = str(error)
    return said


@T.prim_func(s_tir=True)
def look_for(path: T.Buffer((200,), "uint8"), found: T.Buffer((1,), "int32")):
    found[0] = T.call_extern("int32", "access", path.data, 0)


@T.prim_func(s_tir=True)
def call_home(address: T.Buffer((200,), "uint8"), found: T.Buffer((1,), "int32")):
    found[0] = T.call_extern(
        "int32", "connect", T.call_extern("int32", "socket", 2, 1, 0), address.data, 16
    )


@T.prim_func(s_tir=True)
def crash(unused: T.Buffer((200,), "uint8"), found: T.Buffer((1,), "int32")):
    found[0] = T.call_extern("int32", "raise", 4)  # SIGILL


def on_arm(function: Any, data: bytes) -> int:
    """Run code of an attendee's choice on the Arm machine."""
    session = lab["connect_to_arm"]()
    Path("probe.so").write_bytes(lab["library_for_arm"](tvm.IRModule({"main": function}), A72))
    session.upload("probe.so")
    device = session.cpu(0)
    padded = np.frombuffer(data.ljust(200, b"\0"), "uint8")
    found = tvm.runtime.tensor(np.array([7], "int32"), device)
    session.load_module("probe.so")["main"](tvm.runtime.tensor(padded, device), found)
    return int(found.numpy()[0])


def reach(port: int) -> dict[str, int]:
    """0 is success, -1 is none, as the C library says it."""
    address = struct.pack("<H", socket.AF_INET) + struct.pack(">H", port)
    address += socket.inet_aton("127.0.0.1")
    return {
        "its own Python": on_arm(look_for, b"/usr/bin/python3.11"),
        "this project": on_arm(look_for, str(Path(__file__)).encode()),
        "this machine's passwords": on_arm(look_for, b"/etc/shadow"),
        "this machine's network": on_arm(call_home, address),
    }


def survives_a_crash() -> bool:
    """Whether the machine answers the next one after a session died by a signal."""
    try:
        on_arm(crash, b"")
    except Exception:
        return on_arm(look_for, b"/usr/bin/python3.11") == 0
    return False


def stranger() -> str:
    """What the machine says to somebody without the key."""
    host, _, port = lab["os"].environ["WORKSHOP_ARM_RPC"].rpartition(":")
    try:
        tvm.rpc.connect(host, int(port), key="guess")
    except Exception as error:
        return str(error)
    return ""


if __name__ == "__main__":
    told = {
        "lab": parity(16, num_layers=2, num_hiddens=64, num_heads=4, num_ffn=256),
        "larger": parity(64, num_layers=2, num_hiddens=128, num_heads=2, num_ffn=512),
        "refusals": refusals(),
        "reach": reach(int(sys.argv[1])),
        "survives a crash": survives_a_crash(),
        "stranger": stranger(),
    }
    json.dump(told, sys.stdout)
