"""The service of a seat host; root runs it, one on each host of a workshop.

    python -m hub_config.seat_host.service --settings FILE

It listens on a Unix socket that only root may open, and on one in every jail for kernels.
Seats go on when it ends; the next one finds them by their records.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from hub_config.seat_host.children import Children
from hub_config.seat_host.firewall import Firewall
from hub_config.seat_host.health import Facts, HealthDesk, home_size
from hub_config.seat_host.keeper import SeatKeeper
from hub_config.seat_host.kernel_desk import KernelDesk, listener, peer_uid
from hub_config.seat_host.kernel_entry import ENTRY, ensure_kernel_entry
from hub_config.seat_host.protocol import (
    LONGEST_LINE,
    SeatHostError,
    SeatOrder,
    line,
    read_noun,
    refusal,
)
from hub_config.seat_host.settings import HostSettings, read_settings
from hub_config.seat_host.starting import PRIVATE, Workplace
from hub_config.seat_host.warm.kernel_calls import adopt_orphans
from hub_config.seat_host.warm_processes import WarmProcesses
from hub_config.usernames import PATTERN
from provisioning.errors import WorkshopError
from provisioning.limits import choose_limits

_WATCH_SECONDS = 0.5
_PATIENCE_SECONDS = 10.0
#: The host's memory runs out: seats are ended before their service is.
_LAST_TO_GO = "-900"

log = logging.getLogger("workshop-seats")


class Service:
    """One thread per request; what they share is thread-safe by itself."""

    def __init__(self, settings: HostSettings) -> None:
        settings.run.mkdir(PRIVATE, parents=True, exist_ok=True)
        self._settings = settings
        self._place = _workplace(settings)
        self._keeper = SeatKeeper(self._place)
        self._health = HealthDesk()
        self._kernels = KernelDesk(self._keeper, self._place.sockets)
        ensure_kernel_entry(self._place.sockets / ENTRY)
        self._listener = listener(settings.socket, 0o600)
        self._verbs: Mapping[str, Callable[[Mapping[str, Any]], dict[str, object]]] = {
            "start": self._start,
            "stop": self._stop,
            "forget": self._forget,
            "state": lambda told: {"state": self._keeper.state(_username(told))},
            "list": lambda told: {"seats": self._keeper.states()},
            "health": self._tell_health,
            "home": self._home,
        }

    def serve(self) -> None:
        """For ever."""
        self._place.firewall.install(self._keeper.admissions())
        self._place.warm.tend()
        self._kernels.serve()
        threading.Thread(target=self._watch, daemon=True).start()
        log.info("serving %s", self._settings.socket)
        while True:
            link, _ = self._listener.accept()
            threading.Thread(target=self._serve_one, args=(link,), daemon=True).start()

    def _watch(self) -> None:
        while True:
            try:
                self._keeper.watch()
                self._place.warm.tend()
            except Exception:
                # Whatever happened to one seat must not end the watch over all.
                log.exception("the watch over the seats failed once")
            time.sleep(_WATCH_SECONDS)

    def _serve_one(self, link: socket.socket) -> None:
        with link:
            link.settimeout(_PATIENCE_SECONDS)
            try:
                if peer_uid(link) != os.geteuid():
                    return
                with link.makefile("rb") as stream:
                    request = stream.readline(LONGEST_LINE)
                if request:
                    link.sendall(self._answer(request))
            except OSError:
                return  # whoever asked has gone

    def _answer(self, request: bytes) -> bytes:
        try:
            told = json.loads(request)
            verb = self._verbs[told["verb"]]
            return line({"ok": True, **verb(told)})
        except WorkshopError as error:
            log.warning("%s", error)
            return refusal(error)
        except (ValueError, KeyError, TypeError) as error:
            return refusal(SeatHostError("nonsense", f"not a request: {type(error).__name__}"))
        except Exception as error:
            log.exception("a request failed")
            return refusal(error)

    def _start(self, told: Mapping[str, Any]) -> dict[str, object]:
        order = read_noun(SeatOrder, told["order"])
        _username({"username": order.username})
        started = self._keeper.start(order)
        log.info("%s runs, %s", order.username, "warm" if started.warm else "started plainly")
        return {"started": started}

    def _stop(self, told: Mapping[str, Any]) -> dict[str, object]:
        self._keeper.stop(_username(told), now=bool(told.get("now", False)))
        return {}

    def _forget(self, told: Mapping[str, Any]) -> dict[str, object]:
        self._keeper.forget(_username(told))
        return {}

    def _home(self, told: Mapping[str, Any]) -> dict[str, object]:
        username = _username(told)
        return {"home": home_size(username, self._settings.homes / username)}

    def _tell_health(self, told: Mapping[str, Any]) -> dict[str, object]:
        place = self._place
        facts = Facts(
            seats=len(self._keeper.states()),
            limits=place.limits.sentence,
            firewall=place.firewall.sentence,
            warm=place.warm.states(),
            disk=self._settings.homes if self._settings.homes.is_dir() else self._settings.run,
        )
        return {"health": self._health.health(facts)}


def _workplace(settings: HostSettings) -> Workplace:
    return Workplace(
        settings=settings,
        limits=choose_limits(settings.workshop),
        firewall=Firewall(settings.workshop, settings.reach),
        warm=WarmProcesses(settings, settings.run),
        children=Children(),
    )


def _username(told: Mapping[str, Any]) -> str:
    """Names become folders here, so none that leads elsewhere may come in."""
    username = told["username"]
    if not isinstance(username, str) or not PATTERN.fullmatch(username):
        raise SeatHostError("nonsense", "not a username")
    return username


def main() -> None:
    parser = argparse.ArgumentParser(description="The service of a seat host.")
    parser.add_argument("--settings", type=Path, required=True)
    settings = read_settings(parser.parse_args().settings)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    os.umask(0o077)
    adopt_orphans()
    with suppress(PermissionError):  # a container's root may not
        Path("/proc/self/oom_score_adj").write_text(_LAST_TO_GO)
    Service(settings).serve()


if __name__ == "__main__":
    main()
