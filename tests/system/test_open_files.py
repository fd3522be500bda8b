"""Where a process may open 256 files, as on macOS."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_local_cloud_with_256_open_files_labels_every_row_and_gives_its_files_back() -> None:
    command = [sys.executable, "-m", "tests.hostile.descriptors", "--rows", "500", "--rows-per-request", "1"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "SUCCEEDED, 500 of 500 rows" in run.stdout
