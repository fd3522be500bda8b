"""What all tests share."""

import os
import signal
from itertools import islice

import pytest
from hypothesis import settings

# A shell has what it starts in the background ignore Ctrl-C; tests would, and all that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# A test that is slow on a busy machine is no wrong test. What was right is right again: the same examples in every run,
# until a test is changed. New ones are sought by those that soak.
settings.register_profile("fanfold", deadline=None, derandomize=True)
# `make soak-events`: over ten thousand messages, a few to an example and four functions to a test.
settings.register_profile("soak", deadline=None, max_examples=1_000)
# `make soak-machine`: jobs of arbitrary files, options and models.
settings.register_profile("soak-machine", deadline=None, max_examples=int(os.environ.get("JOBS", "50000")))
settings.load_profile("fanfold")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that take long first, in each process some: at the end, one of them would leave all but one core idle.

    Each of pytest-xdist's processes begins with as many of the items, and takes from those of others later.
    """
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    slow = [item for item in items if item.get_closest_marker("slow")]
    others = (item for item in list(items) if not item.get_closest_marker("slow"))
    share = -(-len(items) // processes)
    items.clear()
    for process in range(processes):
        own = slow[process::processes]
        items += [*own, *islice(others, share - len(own))]
