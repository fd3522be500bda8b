"""What all tests share."""

import signal

import pytest
from hypothesis import settings

# A shell has what it starts in the background ignore Ctrl-C; tests would, and all that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# A test that is slow on a busy machine is no wrong test.
settings.register_profile("fanfold", deadline=None)
# `make soak-events`: over ten thousand messages, a few to an example and four functions to a test.
settings.register_profile("soak", deadline=None, max_examples=1_000)
# `make soak-machine`: jobs of arbitrary files, options and models.
settings.register_profile("soak-machine", deadline=None, max_examples=50_000)
settings.load_profile("fanfold")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The simulations first: each takes a minute or more, and at the end would leave all but one core idle."""
    items.sort(key=lambda item: item.path.parent.name != "simulation")
