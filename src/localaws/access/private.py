"""Files that are their user's alone, whatever the umask: logs may tell what is in somebody's CSV."""

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from localaws.errors import LogError

_FOLDER, _FILE = 0o700, 0o600
_TEMPORARY = "fanfold-logs-"


def make_folder(path: Path) -> None:
    """Make a folder that nobody else may look into; one that is there already stays as it is."""
    path.mkdir(_FOLDER, parents=True, exist_ok=True)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that is removed at the end, or by whoever needs one after this process was killed."""
    for left in Path(tempfile.gettempdir()).glob(f"{_TEMPORARY}*"):
        # Not what another process has locked, or another user has made.
        with suppress(OSError), _locked(left, fcntl.LOCK_NB):
            # What is empty may have been made just now, to be locked.
            if any(left.iterdir()):
                shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=_TEMPORARY) as name, _locked(Path(name)):
        yield Path(name)


@contextmanager
def _locked(folder: Path, how: int = 0) -> Iterator[None]:
    """Lock a folder for as long as this process lives, and no longer than this."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | how)
        yield
    finally:
        os.close(descriptor)


def open_log(path: Path) -> IO[str]:
    """Open a file to add lines to. Nobody else may read it, even if it was there already.

    Raises:
        LogError: somebody else has put a file there, or there is a link, which may lead to any file.
    """
    return open(path, "a", encoding="utf-8", buffering=1, opener=_open)  # a Path takes no opener


def _open(path: str, flags: int) -> int:
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW, _FILE)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise LogError(f"{path} is a link. Delete it, or choose another folder for logs.") from error
    if os.fstat(descriptor).st_uid != os.geteuid():
        os.close(descriptor)
        raise LogError(f"{path} belongs to another user. Delete it, or choose another folder for logs.")
    os.fchmod(descriptor, _FILE)
    return descriptor
