"""Dask as we run it, in the dispatcher and in the workers."""

from __future__ import annotations

import logging
import sys
from typing import Any

import dask

#: Without dashboards, profilers and files of its own; losses are noticed within a minute.
_QUIET: dict[str, Any] = {
    "distributed.worker.profile.enabled": False,
    "distributed.worker.use-file-locking": False,
    "distributed.scheduler.worker-ttl": "60s",
    "distributed.scheduler.allowed-failures": 3,
    "distributed.comm.timeouts.connect": "10s",
    "distributed.comm.timeouts.tcp": "30s",
    "distributed.admin.large-graph-warning-threshold": "1GB",
    "distributed.diagnostics.nvml": False,
}


def quieten() -> None:
    """For this process: warnings alone reach the log."""
    dask.config.set(_QUIET)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    logging.getLogger("distributed").setLevel(logging.WARNING)
