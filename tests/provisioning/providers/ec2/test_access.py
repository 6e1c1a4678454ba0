from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from provisioning.providers.ec2.access import AddressUnknown, access_ranges, my_address


class Says(BaseHTTPRequestHandler):
    """What a service, a proxy or a captive portal answers: the status and text of the path."""

    answers: dict[str, tuple[int, str]] = {  # noqa: RUF012
        "/address": (200, "203.0.114.7\n"),
        "/private": (200, "192.168.1.20\n"),
        "/shared": (200, "100.64.0.9\n"),
        "/ipv6": (200, "2a01:4f8::1\n"),
        "/portal": (200, "<html>please log in</html>"),
        "/nothing": (200, ""),
        "/long": (200, "203.0.114.7" * 10**5),
        "/redirect": (302, "/address"),
        "/broken": (503, "203.0.114.7"),
    }

    def do_GET(self) -> None:
        status, text = self.answers[self.path]
        self.send_response(status)
        if status == 302:
            self.send_header("Location", text)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Says) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_our_address_is_what_the_internet_sees(service: str) -> None:
    assert my_address(f"{service}/address") == "203.0.114.7"


@pytest.mark.parametrize(
    "path",
    ["private", "shared", "ipv6", "portal", "nothing", "long", "redirect", "broken"],
)
def test_anything_else_opens_no_door(service: str, path: str) -> None:
    with pytest.raises(AddressUnknown, match="no door was opened") as error:
        my_address(f"{service}/{path}")
    assert "access: a.b.c.d/32" in error.value.next_step
    assert "<html>" not in error.value.message


def test_no_answer_opens_no_door(service: str) -> None:
    with pytest.raises(AddressUnknown):
        my_address("http://127.0.0.1:9/", seconds=2)


def test_words_of_the_spec_become_ranges_once() -> None:
    asked = []

    def ask() -> str:
        asked.append(1)
        return "203.0.114.7"

    told = access_ranges(("auto", "198.51.100.0/24", "203.0.114.7/32"), ask)
    assert told == ("203.0.114.7/32", "198.51.100.0/24")
    assert access_ranges(("anyone",), ask) == ("0.0.0.0/0",)
    assert len(asked) == 1  # only `auto` asks
