"""What functions say goes to their log groups, as Lambda sends it there: `fanfold tail` and AWS's tools read it."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from localaws.credentials import LocalSession

if TYPE_CHECKING:
    from types_boto3_logs import CloudWatchLogsClient
    from types_boto3_logs.type_defs import InputLogEventTypeDef

logger = logging.getLogger(__name__)

_EVERY_SECONDS = 0.5
# Lines of one call, and of one stream; the latest streams of each group stay, or a long-lived cloud would fill up.
_LINES_PER_CALL = 1_000
_LINES_PER_STREAM = 5_000
_STREAMS = 4


class LogShipper:
    """Sends lines in a thread of its own, with the rights of their function's role; nothing waits for it.

    Example:
        >>> shipper = LogShipper(service)
        >>> say = shipper.listener("/aws/lambda/splitter", role.session())
        >>> shipper.start()
        >>> say("so far, so good")
        >>> shipper.stop()
    """

    def __init__(self, service: LocalSession) -> None:
        """Take Lambda's own session, which removes old streams."""
        self._service = service.client("logs")
        self._groups: list[_Group] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log-groups")

    def listener(self, group: str, session: LocalSession) -> Callable[[str], None]:
        """What to call with each line of a function that logs to this group, in the session of its role."""
        waiting = _Group(group, session.client("logs"), self._service)
        self._groups.append(waiting)
        return waiting.add

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self) -> None:
        """End, and leave what is unsent."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(_EVERY_SECONDS):
            for group in self._groups:
                try:
                    group.send()
                except (BotoCoreError, ClientError) as error:
                    # The server's end, a role without the permission, or a clock that was set back. The lines stand in
                    # the function's file, too.
                    logger.warning("lines of %s are lost to its log group: %s", group.name, error)


class _Group:
    """Lines on their way to one log group."""

    def __init__(self, name: str, client: "CloudWatchLogsClient", service: "CloudWatchLogsClient") -> None:
        self.name = name
        self._client, self._service = client, service
        self._waiting: deque[tuple[int, str]] = deque()
        self._streams: deque[str] = deque()
        self._lines = _LINES_PER_STREAM

    def add(self, line: str) -> None:
        self._waiting.append((int(time.time() * 1000), line))

    def send(self) -> None:
        while self._waiting:
            some = [self._waiting.popleft() for _ in range(min(len(self._waiting), _LINES_PER_CALL))]
            events: list[InputLogEventTypeDef] = [{"timestamp": when, "message": line} for when, line in some if line]
            if events:
                stream = self._stream(len(events))
                self._client.put_log_events(logGroupName=self.name, logStreamName=stream, logEvents=events)

    def _stream(self, lines: int) -> str:
        self._lines += lines
        if self._lines > _LINES_PER_STREAM:
            self._lines = lines
            stream = f"local/{time.time_ns()}"
            try:
                self._client.create_log_stream(logGroupName=self.name, logStreamName=stream)
            except self._client.exceptions.ResourceNotFoundException:
                # A function whose template names no group has one all the same, from its first line on.
                self._client.create_log_group(logGroupName=self.name)
                self._client.create_log_stream(logGroupName=self.name, logStreamName=stream)
            self._streams.append(stream)
            if len(self._streams) > _STREAMS:
                self._service.delete_log_stream(logGroupName=self.name, logStreamName=self._streams.popleft())
        return self._streams[-1]
