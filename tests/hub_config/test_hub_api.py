"""A hub that doesn't answer is said in words, with what to do next."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from hub_config.hub_api import HubApi
from hub_config.install import free_ports
from provisioning.errors import StepFailed

ASKING: dict[str, Callable[[HubApi], object]] = {
    "making a place for ada": lambda hub: hub.ensure_user("ada"),
    "starting the seat of ada": lambda hub: hub.start_server("ada"),
    "stopping the seat of ada": lambda hub: hub.stop_server("ada"),
    "forgetting ada": lambda hub: hub.delete_user("ada"),
    "reading /hub/api/users": lambda hub: hub.servers(),
}


@pytest.fixture
def hangs_up() -> Iterator[int]:
    """The port of a hub that ends whenever it is asked."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                caller, _ = listener.accept()
            except OSError:
                return
            with caller:
                caller.recv(1)

    thread = threading.Thread(target=serve)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(10)


@pytest.mark.parametrize("doing", ASKING)
def test_a_hub_that_ends_in_the_middle_is_named_with_the_next_command(
    hangs_up: int, doing: str
) -> None:
    with pytest.raises(StepFailed) as failure:
        ASKING[doing](HubApi(f"http://127.0.0.1:{hangs_up}", "token"))
    assert f"gave no answer to {doing}" in failure.value.message
    assert "workshop status" in failure.value.next_step


def test_a_hub_that_is_not_there_is_not_healthy_and_gives_no_list() -> None:
    hub = HubApi(f"http://127.0.0.1:{free_ports(1)[0]}", "token")
    assert not hub.healthy()
    with pytest.raises(StepFailed, match="gave no answer"):
        hub.servers()
