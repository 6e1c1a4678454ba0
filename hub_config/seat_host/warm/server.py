"""The warm server: JupyterLab with nbgrader's parts, as `python -m jupyterhub.singleuser`."""

from __future__ import annotations

import sys

from hub_config.seat_host.warm.entering import Task

#: What a seat's server has imported when it answers; a test compares the two.
MODULES = (
    "h11",
    "httpcore",
    "hub_config.exchange.plugins",
    "hub_config.seat_host.provisioner",
    "jinja2.ext",
    "jupyter_client.asynchronous",
    "jupyter_server.kernelspecs.handlers",
    "jupyter_server.nbconvert.handlers",
    "jupyter_server.serverapp",
    "jupyter_server.services.api.handlers",
    "jupyter_server.services.config.handlers",
    "jupyter_server.services.contents.handlers",
    "jupyter_server.services.events.handlers",
    "jupyter_server.services.kernels.connection.channels",
    "jupyter_server.services.kernels.handlers",
    "jupyter_server.services.kernels.websocket",
    "jupyter_server.services.kernelspecs.handlers",
    "jupyter_server.services.nbconvert.handlers",
    "jupyter_server.services.security.handlers",
    "jupyter_server.services.sessions.handlers",
    "jupyter_server.services.shutdown",
    "jupyter_server_terminals",
    "jupyterhub.singleuser.extension",
    "jupyterlab.labapp",
    "jupyterlab_server",
    "nbgrader.apps",
    "nbgrader.server_extensions.assignment_list",
    "nbgrader.server_extensions.validate_assignment",
    "nbgrader.validator",
    "tornado.platform.asyncio",
)


def prepare() -> None:
    """Nothing more than importing is safe before the fork."""


def run(task: Task) -> None:
    """Does not return before the server ends."""
    from jupyterhub.singleuser import main

    sys.argv = ["jupyterhub-singleuser", *task.argv]
    main()
