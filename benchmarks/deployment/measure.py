"""Time one BERT-base encoder in several runtimes, turn by turn. Runs in the deployment environment.

    TVM_NUM_THREADS=1 OMP_NUM_THREADS=1 python -m benchmarks.deployment.measure ROUNDS

With one thread the measure is CPU time, which other programs hardly disturb; with more it is
the time that passes, which they do: run it on a quiet machine. Prints one JSON object.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from .lab_cells import load_lab

THREADS = int(os.environ["TVM_NUM_THREADS"])
BERT_BASE = {"num_layers": 12, "num_hiddens": 768, "num_heads": 12, "num_ffn": 3072}
LENGTH = 128
#: Threads that still spin after a call get the time to fall asleep.
PAUSE = 0.05

Call = Callable[[], Any]


def main() -> None:
    rounds = int(sys.argv[1])
    lab = load_lab()
    net, tokens, mask = encoder(lab, BERT_BASE)
    calls, apart = contenders(lab, net, tokens, mask)
    times = turns(calls, rounds)
    layer, *_ = default_of_one_layer(lab)
    seconds = {name: statistics.median(found) for name, found in times.items()}
    seconds["tvm default"] = 12 * min(turns({"": layer}, 2)[""])
    found = {
        "threads": THREADS,
        "measure": "CPU seconds" if THREADS == 1 else "seconds",
        "rounds": rounds,
        "largest difference from mxnet": apart,
        "milliseconds": {name: round(1000 * each, 1) for name, each in seconds.items()},
        # Of the same round: what disturbs one disturbs its neighbours.
        "ratio to onnxruntime": {
            name: round(statistics.median(ratios(times, name)), 3) for name in times
        }
        | {"tvm default": round(seconds["tvm default"] / seconds["onnxruntime"], 1)},
        "quartiles of the lab's schedule": [
            round(each, 3) for each in statistics.quantiles(ratios(times, "tvm, lab's schedule"))
        ],
    }
    json.dump(found, sys.stdout)


def encoder(lab: dict[str, Any], size: dict[str, int]) -> tuple[Any, Any, Any]:
    """A network with random weights and a request that fills three quarters of it."""
    mx, np = lab["mx"], lab["np"]
    mx.random.seed(1)
    net = lab["Encoder"](num_tokens=30522, length=LENGTH, num_classes=2, **size)
    net.initialize(mx.init.Normal(0.02))
    net.hybridize(static_alloc=True, static_shape=True)
    sentence = np.random.default_rng(1).integers(5, 30522, size=96).tolist()
    tokens, mask = lab["pad_batch"]([sentence], LENGTH, 0)
    net(mx.nd.array(tokens), mx.nd.array(mask)).wait_to_read()
    return net, tokens, mask


def contenders(
    lab: dict[str, Any], net: Any, tokens: Any, mask: Any
) -> tuple[dict[str, Call], float]:
    """How each answers the request once; and how far TVM's answer is from mxnet's."""
    mx, np = lab["mx"], lab["np"]
    shapes = [(1, LENGTH), (1, LENGTH)]
    # onnxruntime gets the plain export and optimises it as it likes best.
    session = lab["onnx_session"](lab["export_onnx"](net, shapes), threads=THREADS)
    module = lab["optimise"](lab["to_relax"](lab["to_onnx"](net, shapes)), lab["LANES"])
    machine = run_on_host(lab, module)
    feed = {"data0": tokens, "data1": mask}
    inputs = [lab["tvm"].runtime.tensor(array) for array in (tokens, mask)]
    arrays = [mx.nd.array(array) for array in (tokens, mask)]
    apart = np.abs(machine(*inputs).numpy() - net(*arrays).asnumpy()).max()
    calls: dict[str, Call] = {
        "tvm, lab's schedule": lambda: machine(*inputs),
        "onnxruntime": lambda: session.run(None, feed),
        "mxnet": lambda: net(*arrays).wait_to_read(),
    }
    return calls, float(apart)


def default_of_one_layer(lab: dict[str, Any]) -> tuple[Call, Any]:
    """TVM's own order of loops, on one layer: twelve would take half a minute a call."""
    net, tokens, mask = encoder(lab, {**BERT_BASE, "num_layers": 1})
    module = lab["to_relax"](lab["to_onnx"](net, [(1, LENGTH), (1, LENGTH)]))
    machine = run_on_host(lab, module)
    inputs = [lab["tvm"].runtime.tensor(array) for array in (tokens, mask)]
    return (lambda: machine(*inputs)), net


def run_on_host(lab: dict[str, Any], module: Any) -> Callable[..., Any]:
    tvm, relax = lab["tvm"], lab["relax"]
    executable = tvm.compile(module, target=tvm.target.Target(lab["HOST"]))
    run: Callable[..., Any] = relax.VirtualMachine(executable, tvm.cpu())["main"]
    return run


def turns(calls: dict[str, Call], rounds: int) -> dict[str, list[float]]:
    """Everybody once a round, each round beginning with the next one; the first is warm-up."""
    clock = time.process_time if THREADS == 1 else time.perf_counter
    times: dict[str, list[float]] = {name: [] for name in calls}
    names = list(calls)
    for number in range(rounds + 1):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            time.sleep(PAUSE)
            started = clock()
            calls[name]()
            if number:
                times[name].append(clock() - started)
    return times


def ratios(times: dict[str, list[float]], name: str) -> list[float]:
    pairs = zip(times[name], times["onnxruntime"], strict=True)
    return [one / other for one, other in pairs]


if __name__ == "__main__":
    main()
