"""Workers, which are forked from a process that has imported what their functions share."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from fanfold.project import find_root
from localaws import template
from localaws.credentials import Keys
from localaws.functions import worker as script
from localaws.functions.forks import ForkServer
from localaws.functions.preloading import ForkServers, imported_by_all
from localaws.functions.workers import Function, FunctionError, FunctionLog, Worker, WorkerLostError, shared_environment
from localaws.template import FunctionCode

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes as Linux shows them")

HANDLER = """
import os, random, ssl, subprocess, sys, threading, uuid

import own
import shared

def handler(event, context):
    return eval(event)
"""


def function(name: str, folder: Path, layers: tuple[Path, ...] = (), **variables: str) -> Function:
    code = FunctionCode(folder, "handler.handler", layers)
    return Function(name, name, f"arn:{name}", "role", code, variables, timeout=30, memory=128, log_group=name)


@pytest.fixture(scope="module")
def functions(tmp_path_factory: pytest.TempPathFactory) -> list[Function]:
    root = tmp_path_factory.mktemp("functions")
    layer = root / "layer"
    layer.mkdir()
    (layer / "shared.py").write_text("import os\nLOADED_BY, SAW = os.getpid(), dict(os.environ)\n", encoding="utf-8")
    # Not what the functions mean by this name.
    (layer / "own.py").write_text("NAME = 'the layer'\n", encoding="utf-8")
    for name in ("first", "second"):
        (root / name).mkdir()
        (root / name / "handler.py").write_text(HANDLER, encoding="utf-8")
        (root / name / "own.py").write_text(f"NAME = {name!r}\n", encoding="utf-8")
    both = [(name, root / name, (layer,)) for name in ("first", "second")]
    return [function(*one, COLOUR=colour) for one, colour in zip(both, ("red", "blue"), strict=True)]


@pytest.fixture(scope="module")
def forks(functions: list[Function]) -> Iterator[ForkServer]:
    with ForkServers({one.logical_id: one.code for one in functions}, sys.__stderr__ or sys.stderr) as servers:
        assert servers.of["first"] is servers.of["second"]
        yield servers.of["first"]


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def start(forks: ForkServer, said: list[str]) -> Iterator[Callable[[Function], Worker]]:
    started: list[Worker] = []

    def one(what: Function) -> Worker:
        worker = Worker(what, Keys("id", "secret"), {"AWS_ENDPOINT_URL": "http://here"}, log, forks)
        started.append(worker)
        worker.wait_ready()
        return worker

    log = FunctionLog(StringIO(), said.append)
    yield one
    for worker in started:
        worker.kill()


Start = Callable[[Function], Worker]


def test_what_functions_share_is_imported_once_and_what_each_has_of_its_own_by_itself(
    start: Start, functions: list[Function], forks: ForkServer
) -> None:
    found: list[Any] = [start(one).invoke("[shared.LOADED_BY, os.getpid(), own.NAME]") for one in functions]
    loaded_by, numbers, own = zip(*found, strict=True)
    assert set(loaded_by) == {forks.start()._process.pid}  # noqa: SLF001 # nobody else knows it
    assert len({*numbers, *loaded_by}) == 3
    assert own == ("first", "second")


def test_the_environment_of_a_worker_is_its_functions_alone(
    start: Start, functions: list[Function], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OF_THE_USER", "secret")
    for one in functions:
        worker = start(one)
        environment = worker.invoke("dict(os.environ)")
        assert isinstance(environment, dict)
        own = {
            "COLOUR": one.variables["COLOUR"],
            "AWS_ACCESS_KEY_ID": "id",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_ENDPOINT_URL": "http://here",
            "AWS_LAMBDA_FUNCTION_NAME": one.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_LOG_GROUP_NAME": one.name,
            "AWS_LAMBDA_LOG_STREAM_NAME": environment["AWS_LAMBDA_LOG_STREAM_NAME"],
            "LAMBDA_TASK_ROOT": str(one.code.folder),
            "_HANDLER": "handler.handler",
        }
        assert environment == {**shared_environment(), **own}
        # As the libraries of the system and other programs find it.
        given = worker.invoke("subprocess.run(['env'], capture_output=True, text=True).stdout")
        assert dict(line.split("=", 1) for line in str(given).splitlines()) == environment
        # What all have in common was there when what they share was imported, and nothing of a function's.
        saw = worker.invoke("shared.SAW")
        assert isinstance(saw, dict)
        # Python's own, where the machine hasn't the locale that Lambda has.
        saw.pop("LC_CTYPE", None)
        assert saw == shared_environment()


@on_linux
def test_a_worker_has_its_own_session_folder_and_chance_and_no_files_of_another(
    start: Start, functions: list[Function]
) -> None:
    asked = "[os.getsid(0) == os.getpid(), os.getcwd(), len(os.listdir('/proc/self/fd')), threading.active_count()]"
    chance = "[random.random(), str(uuid.uuid4()), ssl.RAND_bytes(8).hex()]"
    several = [start(one) for one in functions]
    for one, worker in zip(functions, several, strict=True):
        # Its three, two to be asked and to answer, and the one that lists them; a thread that works and one that reads.
        assert worker.invoke(asked) == [True, str(one.code.folder), 6, 2]
    one_drew, other_drew = [worker.invoke(chance) for worker in several]
    assert all(drawn != other for drawn, other in zip(one_drew, other_drew, strict=True))  # type: ignore[call-overload] # lists


@on_linux
def test_a_worker_that_is_gone_leaves_no_file_and_no_process(start: Start, functions: list[Function]) -> None:
    start(functions[0])
    before = len(list(Path("/proc/self/fd").iterdir()))
    worker = start(functions[0])
    worker.kill()
    worker.kill()
    # What other tests have left may be closed meanwhile.
    assert len(list(Path("/proc/self/fd").iterdir())) <= before
    assert not Path(f"/proc/{worker._process.pid}").exists()  # noqa: SLF001 # nobody else knows it


def test_workers_outlive_the_process_that_they_were_forked_from_and_another_one_takes_its_place(
    start: Start, functions: list[Function], forks: ForkServer
) -> None:
    left = start(functions[0])
    lost = forks.start()._process  # noqa: SLF001 # nobody else knows it
    lost.kill()
    lost.wait()
    assert left.invoke("own.NAME") == "first"
    assert start(functions[1]).invoke("shared.LOADED_BY") not in {lost.pid, left.invoke("shared.LOADED_BY")}
    left.kill()
    with pytest.raises(WorkerLostError):
        left.invoke("own.NAME")


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ("os._exit(3)", 3),
        ("os.kill(os.getpid(), 15)", -15),
        # It can say nothing more, and would wait for ever.
        ("os.closerange(3, 64) or threading.Event().wait()", -9),
    ],
)
def test_the_end_of_a_worker_is_told_by_its_code(
    start: Start, functions: list[Function], event: str, code: int
) -> None:
    with pytest.raises(WorkerLostError, match=f"first: .*: the process exited with code {code}$"):
        start(functions[0]).invoke(event)


def test_what_a_function_prints_needs_not_be_text(start: Start, functions: list[Function], said: list[str]) -> None:
    worker = start(functions[0])
    worker.invoke(r"os.write(1, b'caf\xe9\n')")
    worker.invoke("print('café')")
    worker.kill()
    assert [line for line in said if line.startswith("caf")] == ["caf\\xe9", "café"]


def test_functions_that_differ_in_layers_share_nothing(tmp_path: Path) -> None:
    layers = tmp_path / "one", tmp_path / "other"
    differing = {"a": layers, "b": (*layers, layers[0]), "c": layers[:1], "d": layers[::-1]}
    codes = {name: FunctionCode(tmp_path, "handler.handler", given) for name, given in differing.items()}
    servers = ForkServers(codes, sys.stderr).of
    assert servers["a"] is servers["b"]
    assert len(set(servers.values())) == 3


def test_a_module_that_cannot_be_imported_is_the_functions_error(tmp_path: Path) -> None:
    (tmp_path / "layer").mkdir()
    (tmp_path / "layer" / "broken.py").write_text("raise ValueError('half a module')\n", encoding="utf-8")
    (tmp_path / "handler.py").write_text("import broken\n", encoding="utf-8")
    one = function("only", tmp_path, (tmp_path / "layer",))
    assert imported_by_all([one.code]) == ["broken"]
    with ForkServers({"only": one.code}, sys.__stderr__ or sys.stderr) as forks:
        worker = Worker(one, Keys("id", "secret"), {}, FunctionLog(StringIO()), forks.of["only"])
        with pytest.raises(FunctionError, match="only: ValueError: half a module"):
            worker.wait_ready()
        worker.kill()


def test_a_fork_that_the_system_refuses_is_an_error_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise BlockingIOError(11, "no more processes")

    def serve() -> None:
        with theirs, pytest.raises(SystemExit):
            script._next_worker(theirs)  # noqa: SLF001 # as its process does

    monkeypatch.setattr(os, "fork", refuse)
    ours, theirs = socket.socketpair()
    serving = threading.Thread(target=serve)
    serving.start()
    ours.sendall(b'!{"handler": "handler.handler"}\n')
    assert ours.recv(100) == b'{"errno": 11}\n'
    ours.close()
    serving.join()


PRELOAD = """
import json, os, sys
from collections import UserDict

class Recorder(UserDict):
    def __getitem__(self, name):
        asked.add(name)
        return super().__getitem__(name)

    def __contains__(self, name):
        asked.add(name)
        return super().__contains__(name)

    def __iter__(self):
        asked.add("*")
        return super().__iter__()

asked = set()
os.environ = Recorder(os.environ)
sys.path.insert(0, sys.argv[1])
import worker
worker._preload(**json.loads(sys.argv[2]))
threads = len(os.listdir("/proc/self/task")) if sys.platform == "linux" else 1
before = sorted(asked)

import botocore.session
one, other = (botocore.session.Session().get_component("data_loader") for _ in range(2))
os.environ["AWS_DATA_PATH"] = "/own"
own = botocore.session.Session().get_component("data_loader")
print(json.dumps([before, sorted(sys.modules), threads, one is other, own.search_paths[0]]))
"""


def test_what_fanfolds_functions_share_is_imported_without_a_thread_or_a_variable_of_theirs() -> None:
    read = template.load(find_root())
    resources = read.body["Resources"]
    theirs = {name for one in read.functions for name in resources[one]["Properties"]["Environment"]["Variables"]}
    theirs |= {"AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN", "AWS_LAMBDA_FUNCTION_NAME", "LAMBDA_TASK_ROOT", "_HANDLER"}
    several = list(read.functions.values())
    modules = imported_by_all(several)
    layers = [str(layer) for layer in several[0].layers]
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            PRELOAD,
            str(Path(script.__file__).parent),
            json.dumps({"layers": layers, "modules": modules}),
        ],
        env=shared_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    asked, loaded, threads, is_shared, own_path = json.loads(done.stdout)
    assert "POWERTOOLS_DEBUG" in asked
    assert not set(asked) & (theirs | {"*"})
    assert {"boto3", "aws_lambda_powertools", "fanfold_core.aws.wiring"} <= set(loaded)
    # Of these one starts threads, the other is told by libcurl what macOS doesn't let forked processes ask.
    assert not {"numpy", "pycurl"} & set(loaded)
    assert threads == 1
    # Descriptions of AWS are read once, too, but for who has some of his own.
    assert is_shared
    assert own_path == "/own"
