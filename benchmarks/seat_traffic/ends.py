"""The two ends of a connection: a server that answers and sends, a client that asks and counts.

    python -m benchmarks.seat_traffic.ends serve PORT [FOLDER]
    python -m benchmarks.seat_traffic.ends ask HOST PORT [FOLDER]

With a FOLDER of `ca.pem`, `pair.pem` both ends speak TLS and each wants the other's certificate,
as with JupyterHub's internal TLS. The client prints one line of JSON: seconds.
"""

from __future__ import annotations

import json
import socket
import ssl
import statistics
import sys
import time
from pathlib import Path

ASKS = 1000
MEGABYTES = 200
OPENINGS = 50
_CHUNK = bytes(1 << 16)


def context(folder: Path, purpose: ssl.Purpose) -> ssl.SSLContext:
    made = ssl.create_default_context(purpose, cafile=str(folder / "ca.pem"))
    made.load_cert_chain(folder / "pair.pem")
    made.verify_mode = ssl.CERT_REQUIRED
    return made


def serve(port: int, folder: Path | None) -> None:
    listener = socket.create_server(("", port))
    while True:
        client, _ = listener.accept()
        try:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if folder:
                tls = context(folder, ssl.Purpose.CLIENT_AUTH)
                client = tls.wrap_socket(client, server_side=True)
            while asked := client.recv(1):
                for _ in range(1 if asked == b"a" else MEGABYTES * 16):
                    client.sendall(b"b" if asked == b"a" else _CHUNK)
        except OSError:
            continue


def connect(host: str, port: int, tls: ssl.SSLContext | None) -> socket.socket:
    link = socket.create_connection((host, port))
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return tls.wrap_socket(link, server_hostname="seat") if tls else link


def ask(host: str, port: int, folder: Path | None) -> dict[str, float]:
    tls = context(folder, ssl.Purpose.SERVER_AUTH) if folder else None
    link = connect(host, port, tls)
    took = []
    for _ in range(ASKS):
        began = time.perf_counter()
        link.sendall(b"a")
        link.recv(1)
        took.append(time.perf_counter() - began)
    began, left = time.perf_counter(), MEGABYTES << 20
    link.sendall(b"d")
    while left > 0 and (received := link.recv(1 << 20)):
        left -= len(received)
    sent = time.perf_counter() - began
    link.close()  # the server serves one after the other
    began = time.perf_counter()
    for _ in range(OPENINGS):
        with connect(host, port, tls) as opened:
            opened.sendall(b"a")
            opened.recv(1)
    ordered = sorted(took)
    return {
        "ask_median": statistics.median(took),
        "ask_p95": ordered[int(len(ordered) * 0.95)],
        "megabytes_a_second": MEGABYTES / sent,
        "open": (time.perf_counter() - began) / OPENINGS,
    }


if __name__ == "__main__":
    verb, *rest = sys.argv[1:]
    if verb == "serve":
        serve(int(rest[0]), Path(rest[1]) if rest[1:] else None)
    else:
        print(json.dumps(ask(rest[0], int(rest[1]), Path(rest[2]) if rest[2:] else None)))
