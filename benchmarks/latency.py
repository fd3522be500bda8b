"""A way that takes its time: bytes to a server arrive so much later, as over a network; those from it come at once."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def delayed(url: str, seconds: float) -> Iterator[str]:
    """Another URL for a server on this machine, so many seconds away from it."""
    loop, server = asyncio.new_event_loop(), urlsplit(url)

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind, before = await asyncio.open_connection(server.hostname, server.port)

        async def answer() -> None:
            while block := await behind.read(1 << 16):
                writer.write(block)
            writer.close()

        answering = loop.create_task(answer())
        while block := await reader.read(1 << 16):
            loop.call_later(seconds, before.write, block)
        loop.call_later(seconds, before.close)
        await answering

    listening = loop.run_until_complete(asyncio.start_server(connect, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
