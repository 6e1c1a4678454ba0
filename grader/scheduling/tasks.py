"""The three functions that Dask calls on a worker. Text in, text out."""

from __future__ import annotations

from typing import Any

from distributed import get_worker
from distributed.diagnostics.plugin import WorkerPlugin

from grader.scheduling.workbench import Workbench

#: The plugin's name on its worker.
BENCH = "workbench"


class BenchPlugin(WorkerPlugin):
    """Gives a worker its workbench, and closes it with the worker."""

    name = BENCH

    def __init__(self, bench: Workbench) -> None:
        self.bench = bench

    def teardown(self, worker: Any) -> None:
        self.bench.close()


def learn(lab_text: str, limits_text: str) -> str:
    return _bench().learn(lab_text, limits_text)


def judge(order_text: str) -> str:
    return _bench().judge(order_text)


def try_out(lab_text: str, order_text: str) -> str:
    return _bench().try_out(lab_text, order_text)


def _bench() -> Workbench:
    plugin = get_worker().plugins[BENCH]
    assert isinstance(plugin, BenchPlugin)  # noqa: S101 - for the types
    return plugin.bench
