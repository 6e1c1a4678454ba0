"""`python -m benchmarks.deployment [--python PYTHON] [--rounds 15]`

A BERT-base encoder (12 layers, 768 wide), sequence 128, batch 1, with one thread and with two:
TVM's default, TVM with the lab's schedule, mxnet and onnxruntime. Prints one JSON line on stdout
and a table on stderr. TVM's default is measured on one layer and multiplied by twelve.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from provisioning.environments.build import ensure_environment
from provisioning.environments.files import read_environment_file
from provisioning.interpreter import find_interpreter
from provisioning.paths import default_state_root

PROJECT = Path(__file__).parents[2]
ROUNDS = 15


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.deployment", description=__doc__)
    parser.add_argument("--python", type=Path, help="of the deployment environment")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    python = options.python or _deployment()
    found = [_measure(python, threads, options.rounds) for threads in (1, 2)]
    for each in found:
        _print_table(each)
    print(json.dumps({f"threads {each['threads']}": each for each in found}))


def _deployment() -> Path:
    """The environment of the lab, built unless it is there."""
    file = read_environment_file(PROJECT / "environments/deploy.yml")
    root = default_state_root(os.environ, os.getuid()) / "environments"
    return ensure_environment(file, file.lock, root, interpreter=find_interpreter()).python


def _measure(python: Path, threads: int, rounds: int) -> dict[str, Any]:
    """In a process of its own: runtimes read the number of threads when they start."""
    names = ("TVM_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environ = os.environ | dict.fromkeys(names, str(threads))
    done = subprocess.run(
        [python, "-W", "ignore", "-m", "benchmarks.deployment.measure", str(rounds)],
        env=environ | {"PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=3600,
    )
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def _print_table(found: dict[str, Any]) -> None:
    head = f"{found['threads']} thread(s), {found['measure']}, {found['rounds']} rounds"
    print(f"\n{head:<44}{'ms':>10}{'to onnxruntime':>18}", file=sys.stderr)
    for name, milliseconds in found["milliseconds"].items():
        ratio = found["ratio to onnxruntime"][name]
        print(f"  {name:<42}{milliseconds:>10}{ratio:>18}", file=sys.stderr)


if __name__ == "__main__":
    main()
