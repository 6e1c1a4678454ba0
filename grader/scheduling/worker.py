"""A worker host's process: `python -m grader.scheduling.worker SETTINGS`.

It runs as an account of its own that owns nothing else, because whoever takes over the
dispatcher can run code here: that is how Dask works. It goes on for ever; without a dispatcher
it waits for one.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from distributed import Worker

from grader.scheduling.quiet_dask import quieten
from grader.scheduling.settings import LOOPBACK, WorkerSettings, address, security
from grader.scheduling.tasks import BenchPlugin
from grader.scheduling.workbench import Installed, Workbench

_PAUSE_SECONDS = 2.0


def main(settings_file: Path) -> None:
    """Serve until SIGTERM."""
    settings = WorkerSettings.model_validate_json(settings_file.read_text())
    quieten()
    asyncio.run(_serve_until_told(settings))


async def _serve_until_told(settings: WorkerSettings) -> None:
    serving = asyncio.create_task(_serve(settings))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.cancel)
    try:
        await serving
    except asyncio.CancelledError:
        return


async def _serve(settings: WorkerSettings) -> None:
    """One connection to a dispatcher after the other."""
    settings.folder.mkdir(parents=True, exist_ok=True)
    for left in settings.folder.iterdir():  # of a worker that was killed
        shutil.rmtree(left, ignore_errors=True)
    while True:
        try:
            await _serve_once(settings)
        except (OSError, TimeoutError, RuntimeError, ValueError) as error:
            logging.getLogger(__name__).warning("no dispatcher: %s", error)
        await asyncio.sleep(_PAUSE_SECONDS)


async def _serve_once(settings: WorkerSettings) -> None:
    with tempfile.TemporaryDirectory(dir=settings.folder) as place:
        environments = {
            # An environment's name is a link to its version.
            name: Installed(each.python.parent.resolve() / each.python.name, each.identity)
            for name, each in settings.environments.items()
        }
        bench = Workbench(environments, Path(place), settings.slots)
        worker: Any = Worker(
            address(settings.scheduler),
            host=LOOPBACK,
            port=settings.port,
            name=settings.name,
            nthreads=settings.slots,
            memory_limit=0,  # submissions have limits of their own
            security=security(settings.tls),
            local_directory=place,
            dashboard=False,
            plugins=(BenchPlugin(bench),),
        )
        try:
            async with worker:
                await worker.finished()
        finally:
            bench.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
