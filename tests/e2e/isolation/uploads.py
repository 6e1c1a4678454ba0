"""Uploads count once, and a huge one harms nobody."""

from __future__ import annotations

import json
import time

import psutil
import pytest

from hub_config.programs import exchange_url
from hub_config.rehearsal.robot import Robot
from tests.e2e.isolation.classroom import EVE, KERNEL, LAB, Classroom, token_of, zipped
from tests.e2e.isolation.submitting import exchange

#: Sends two gigabytes to wherever, as fast as it can, and says how far it came.
_HUGE = """
import os, socket, time
from urllib.parse import urlsplit
def send(url, ticket, lie):
    parts = urlsplit(url)
    wire = socket.create_connection((parts.hostname, parts.port), timeout=60)
    length = {"announced": "Content-Length: 2000000000", "chunked": "Transfer-Encoding: chunked"}
    head = [f"PUT {parts.path}api/uploads/{ticket} HTTP/1.1", f"Host: {parts.netloc}",
            "Authorization: token " + os.environ["JUPYTERHUB_API_TOKEN"], length[lie], "", ""]
    wire.sendall("\\r\\n".join(head).encode())
    begun, sent, piece = time.monotonic(), 0, b"x" * 1_000_000
    if lie == "chunked":
        piece = b"f4240\\r\\n" + piece + b"\\r\\n"
    try:
        while sent < 2_000_000_000:
            wire.sendall(piece)
            sent += 1_000_000
    except OSError:
        pass
    try:
        answer = wire.recv(65536).decode(errors="replace")
    except OSError as error:
        answer = repr(error)
    return {"sent": sent, "seconds": time.monotonic() - begun, "answer": answer}
import json
print("SENT" + json.dumps(send(url, ticket, lie)))
"""


async def test_an_old_upload_that_is_replayed_counts_once(classroom: Classroom, eve: Robot) -> None:
    content = zipped({"sums.ipynb": '{"replayed": true}'})
    before = len(classroom.submissions(EVE))
    async with exchange(classroom, await token_of(eve)) as service:
        ticket = (await service.post("api/tickets", json={"assignment": LAB})).json()["ticket"]
        first = await service.put(f"api/uploads/{ticket}", content=content)
        assert first.status_code == 201
        for body in (content, zipped({"sums.ipynb": "another"}), b""):
            again = await service.put(f"api/uploads/{ticket}", content=body)
            assert (again.status_code, again.json()["error"]) == (409, "ticket-used")
            assert again.json()["submission"] == first.json()
    kept = classroom.submissions(EVE)
    assert len(kept) == before + 1
    assert kept[-1]["id"] == first.json()["id"]


@pytest.mark.parametrize("lie", ["announced", "chunked"])
@pytest.mark.parametrize("way", ["directly", "through the proxy"])
async def test_two_gigabytes_are_refused_at_once(
    classroom: Classroom, eve: Robot, way: str, lie: str
) -> None:
    settings = classroom.workshop.settings
    public = f"http://127.0.0.1:{settings.ports.public}/services/exchange/"
    url = {"directly": exchange_url(settings), "through the proxy": public}[way]
    before = classroom.submissions(EVE)
    async with exchange(classroom, await token_of(eve)) as service:
        refused = await service.post("api/tickets", json={"assignment": LAB, "size": 2 * 10**9})
        assert (refused.status_code, refused.json()["error"]) == (413, "too-large")
        ticket = (await service.post("api/tickets", json={"assignment": LAB})).json()["ticket"]
    memory = _memory(classroom)
    facts = f"url, ticket, lie = {url!r}, {ticket!r}, {lie!r}\n"
    begun = time.monotonic()
    said = await eve.run_cell(KERNEL, facts + _HUGE)
    went = json.loads(said.rpartition("SENT")[2])
    assert time.monotonic() - begun < 30
    # The limit of this workshop is 20 MB; buffers on the way hold some more.
    assert went["sent"] < 100_000_000
    assert " 413 " in went["answer"] or went["answer"].startswith(_CLOSED), went["answer"]
    grown = {name: used - memory[name] for name, used in _memory(classroom).items()}
    assert max(grown.values()) < 40_000_000, grown
    assert classroom.submissions(EVE) == before
    uploads = classroom.workshop.paths.exchange / "uploads"
    assert list(uploads.iterdir()) == []
    async with classroom.visitor() as anybody:
        assert (await anybody.get("/services/exchange/health")).json() == {"status": "ok"}


#: Who goes on sending after the answer may find the connection closed before reading it;
#: the proxy may find the same, and says that it got no answer.
_CLOSED = ("ConnectionResetError", "BrokenPipeError", "HTTP/1.1 502 ")


def _memory(classroom: Classroom) -> dict[str, int]:
    """What the service and the proxy hold, and the hub beside them."""
    ports = classroom.workshop.settings.ports
    wanted = {ports.exchange: "exchange", ports.public: "proxy", ports.hub: "hub"}
    return {
        wanted[connection.laddr.port]: psutil.Process(connection.pid).memory_info().rss
        for connection in psutil.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port in wanted
    }
