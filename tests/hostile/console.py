"""Thousands of connections to the console that say nothing, or little: how long its user then waits.

`python -m tests.hostile.console [--connections 10000] [--seconds 20]` prints a line for each attack, and fails if a
request of the user's isn't answered, or not in time.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import socket
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fanfold import Fanfold
from fanfold.console.server import listening, serving
from localaws.connections import raise_file_limit

if TYPE_CHECKING:
    from urllib.parse import SplitResult

# What each connection of an attack sends at once, and what it sends after that, a byte at a time.
ATTACKS = {
    "connections that send nothing": (b"", b""),
    "connections that send their header fields a byte at a time": (b"GET / HTTP/1.1\r\n", b"X-Slow: so slow\r\n" * 100),
    "uploads without a session that send their bodies a byte at a time": (
        b"POST /api/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://127.0.0.1\r\nContent-Length: 1000000\r\n\r\n",
        b"so slow\n" * 100,
    ),
    "requests whose answers nobody reads": (b"GET /static/console.js HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b""),
}
_SLOWEST_SECONDS = 30.0


def attack(address: tuple[str, int], first: bytes, then: bytes, connections: int) -> None:
    """Hold so many connections, and open another one for each that is ended, until this process is."""
    raise_file_limit()
    held: list[tuple[socket.socket, int]] = []
    while True:
        going = []
        for connection, sent in held:
            try:
                if then:
                    connection.send(then[sent % len(then) :][:1])
                elif not connection.recv(1, socket.MSG_PEEK):
                    raise ConnectionResetError
            except BlockingIOError:
                pass
            except OSError:
                connection.close()
                continue
            going.append((connection, sent + 1))
        held = going
        for _ in range(min(connections - len(held), 500)):
            connection = socket.socket()
            with suppress(OSError):
                connection.settimeout(1)
                connection.connect(address)
                connection.send(first)
                connection.settimeout(0)
                held.append((connection, 0))
        time.sleep(0.05)


def ask(link: SplitResult, token: str, path: str, method: str = "GET") -> bytes:
    """What the console answers to its user."""
    assert link.hostname
    connection = http.client.HTTPConnection(link.hostname, link.port, timeout=60)
    headers = {"Authorization": f"Bearer {token}", "Origin": f"http://{link.netloc}"}
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    if answer.status >= http.client.BAD_REQUEST:
        raise ConnectionError(f"{answer.status}: {content.decode()}")
    return content


def held() -> tuple[int, int]:
    """Open files and threads of this process, which has the console."""
    return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()


def withstand(link: SplitResult, token: str, seconds: float) -> tuple[list[float], int, int, int]:
    """Seconds that each of the user's requests took, how many failed, and the most files and threads meanwhile."""
    took, failed, files, threads = [], 0, 0, 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        try:
            ask(link, token, "/api/jobs")
        except (OSError, http.client.HTTPException) as error:
            print(f"  {error!r}")
            failed += 1
        took.append(time.monotonic() - began)
        now = held()
        files, threads = max(files, now[0]), max(threads, now[1])
        time.sleep(0.2)
    return took, failed, files, threads


def main() -> int:
    """Run it; 1 if the user was stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=20)
    chosen = parser.parse_args()
    stopped = False
    with Fanfold(local=True) as fanfold, listening(0) as at, serving(fanfold, at) as opened:
        link = urlsplit(opened)
        token = json.loads(ask(link, link.fragment.removeprefix("token="), "/api/session", "POST"))["token"]
        for what, (first, then) in ATTACKS.items():
            before = held()
            attacker = multiprocessing.get_context("spawn").Process(
                target=attack, args=(at.getsockname(), first, then, chosen.connections), daemon=True
            )
            attacker.start()
            time.sleep(3)
            took, failed, files, threads = withstand(link, token, chosen.seconds)
            attacker.terminate()
            attacker.join()
            stopped |= bool(failed) or max(took) > _SLOWEST_SECONDS
            print(
                f"{chosen.connections} {what}: {len(took) - failed} of {len(took)} requests answered, the slowest in "
                f"{max(took):.2f} s; {files - before[0]} files and {threads - before[1]} threads more"
            )
    return int(stopped)


if __name__ == "__main__":
    sys.exit(main())
