"""Two users of one machine."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from localaws.access.private import make_folder, open_log, temporary_folder
from localaws.errors import LogError
from localaws.functions.workers import FunctionLog

# "nobody", who has nothing of ours.
OTHER = 65534
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that everybody may look into and write to, as /tmp is, while nothing is masked."""
    before = os.umask(0)
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def as_the_other(*command: str | Path) -> bool:
    """Whether a command works for another user."""
    run = subprocess.run(command, user=OTHER, group=OTHER, extra_groups=[], cwd="/", capture_output=True, check=False)
    return run.returncode == 0


def test_a_log_is_its_user_s_alone_whatever_the_umask(shared: Path) -> None:
    old = shared / "old.log"
    old.write_text("before\n")
    assert mode(old) == 0o666
    for path in (old, shared / "new.log"):
        log = FunctionLog(open_log(path))
        log.write("a line")
        log.close()
        assert mode(path) == 0o600
    assert old.read_text() == "before\na line\n"


def test_a_folder_for_logs_is_its_user_s_alone_unless_it_was_there(shared: Path) -> None:
    make_folder(shared / "a" / "b")
    assert mode(shared / "a" / "b") == 0o700
    make_folder(shared)
    assert mode(shared) == 0o777


def test_a_log_is_not_written_through_a_link(shared: Path) -> None:
    (shared / "secret").write_text("")
    (shared / "server.log").symlink_to(shared / "secret")
    with pytest.raises(LogError, match="is a link"):
        open_log(shared / "server.log")
    assert (shared / "secret").read_text() == ""


@AS_ROOT
def test_another_user_reads_no_log(shared: Path) -> None:
    with open_log(shared / "server.log") as log:
        log.write("private\n")
    make_folder(shared / "logs")
    (shared / "logs" / "inside").write_text("private\n")
    (shared / "open").write_text("public\n")
    assert as_the_other("cat", shared / "open")
    for path in (shared / "server.log", shared / "logs" / "inside"):
        assert not as_the_other("cat", path)
    assert not as_the_other("ls", shared / "logs")


@AS_ROOT
def test_a_log_that_another_user_has_prepared_is_not_written_to(shared: Path) -> None:
    assert as_the_other("touch", shared / "server.log")
    with pytest.raises(LogError, match="belongs to another user"):
        open_log(shared / "server.log")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a file without room")
def test_a_log_without_room_ends_early_and_is_heard_on(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[str] = []
    with Path("/dev/full").open("a", encoding="utf-8", buffering=1) as full:
        log = FunctionLog(full, heard.append)
        for line in ("one", "two"):
            log.write(line)
        log.close()
    assert heard == ["one", "two"]
    assert caplog.messages == ["/dev/full ends early (No space left on device): `fanfold tail` shows later lines"]


def test_the_folder_of_a_process_that_was_killed_is_removed_by_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    program = """
import sys
from localaws.access.private import temporary_folder

with temporary_folder() as folder:
    (folder / "server.log").touch()
    print(folder, flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout
        its = Path(other.stdout.readline().strip())
        with temporary_folder() as mine:
            assert set(tmp_path.iterdir()) == {its, mine}
        other.kill()
    assert its.exists()
    with temporary_folder() as mine:
        assert list(tmp_path.iterdir()) == [mine]
    assert list(tmp_path.iterdir()) == []
