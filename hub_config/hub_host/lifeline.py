"""A command that was carried to the hub host ends when whoever carried it is gone."""

from __future__ import annotations

import os
import signal
import threading


def end_with(descriptor: int) -> None:
    """From now on the end of what `descriptor` reads is Ctrl-C for this process.

    The carrier holds the other end for as long as it lives; it sends nothing. A command that is
    interrupted tidies up, and can be repeated.
    """
    main = threading.main_thread()

    def wait() -> None:
        # Not through a buffered file: a thread that holds one's lock can't be left behind.
        while os.read(descriptor, 1):
            pass
        if main.ident is not None and main.is_alive():
            # To the main thread itself, so that it wakes from whatever it waits for.
            signal.pthread_kill(main.ident, signal.SIGINT)

    threading.Thread(target=wait, name="lifeline", daemon=True).start()
