"""What all tests share."""

from hypothesis import settings

# A test that is slow on a busy machine is no wrong test.
settings.register_profile("fanfold", deadline=None)
# `make soak-events`: over ten thousand messages, a few to an example and four functions to a test.
settings.register_profile("soak", deadline=None, max_examples=1_000)
settings.load_profile("fanfold")
