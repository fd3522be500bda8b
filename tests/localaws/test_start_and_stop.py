import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from localaws.access.private import open_log
from localaws.cloud import LocalCloud
from localaws.errors import LogError, PortInUseError, TemplateError
from localaws.functions.runtime import Functions


def children() -> set[int]:
    """Processes that this one has started, and those that these have."""
    parents = {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):  # one that has ended meanwhile
            _, parent, *_ = (process / "stat").read_text("utf-8").rpartition(")")[2].split()
            parents[int(process.name)] = int(parent)
    found = {os.getpid()}
    while more := {process for process, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {os.getpid()}


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes as Linux shows them")
def test_stopping_leaves_no_process_thread_or_folder_behind(project: Path) -> None:
    processes, threads = children(), set(threading.enumerate())
    with LocalCloud(project) as cloud:
        cloud.invoke("Forbidden", {})
        assert len(children() - processes) >= 3
        port = int(cloud.environment["AWS_ENDPOINT_URL"].rpartition(":")[2])
    cloud.stop()
    assert children() <= processes
    assert set(threading.enumerate()) <= threads
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes as Linux shows them")
def test_nothing_outlives_a_cloud_that_is_killed(project: Path, tmp_path: Path) -> None:
    program = f"""
import time
from pathlib import Path
from localaws.cloud import LocalCloud

with LocalCloud(Path({str(project)!r}), log_dir=Path({str(tmp_path)!r})) as cloud:
    cloud.invoke("Forbidden", {{}})
    workers = [worker for pool in cloud._functions.pools.values() for worker in pool._all]
    forks = {{pool._forks for pool in cloud._functions.pools.values()}}
    print(cloud._services._server._process.pid, *(server.start()._process.pid for server in forks), end=" ")
    print(*(worker._process.pid for worker in workers), flush=True)
    time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        pids = [int(pid) for pid in process.stdout.readline().split()]
        process.kill()
    deadline = time.monotonic() + 60
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(pids) >= 3
    assert not any(map(alive, pids))


def test_ctrl_c_in_the_middle_of_the_start_ends_what_was_started(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Functions, "start", interrupted)
    threads = set(threading.enumerate())
    cloud = LocalCloud(project)
    with pytest.raises(KeyboardInterrupt):
        cloud.start()
    assert set(threading.enumerate()) <= threads
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(cloud.environment["AWS_ENDPOINT_URL"].rpartition(":")[2])))


def test_a_taken_port_is_named_with_what_to_do(project: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortInUseError, match=f"Port {port} is already in use.* choose another port"):
            LocalCloud(project, port=port).start()


def test_a_parameter_outside_its_limits_is_named(project: Path) -> None:
    with pytest.raises(TemplateError, match="Colour must be one of red, blue, not 'green'"):
        LocalCloud(project, parameters={"Colour": "green"}).start()
    with pytest.raises(TemplateError, match="no parameter Color"):
        LocalCloud(project, parameters={"Color": "red"}).start()


def test_a_log_that_is_a_link_to_another_file_is_not_written(project: Path, tmp_path: Path) -> None:
    mine, logs = tmp_path / "mine.txt", tmp_path / "logs"
    logs.mkdir()
    for name in ("server.log", "SplitterFunction.log"):
        (logs / name).symlink_to(mine)
        with pytest.raises(LogError, match=name):
            open_log(logs / name)
        with open_log(logs / f"other {name}") as log:
            log.write("one line\n")
    assert not mine.exists()
    with pytest.raises(LogError, match=r"server\.log"), LocalCloud(project, log_dir=logs):
        pass
