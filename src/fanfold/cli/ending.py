"""The end of commands that run until they are told to."""

import signal
from threading import Event


def wait_for_the_end() -> None:
    """Wait for Ctrl-C, or for whoever asks the process to end."""
    ended = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    ended.wait()
