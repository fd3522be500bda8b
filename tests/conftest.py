"""What all tests share."""

from hypothesis import settings

# A test that is slow on a busy machine is no wrong test.
settings.register_profile("fanfold", deadline=None)
settings.load_profile("fanfold")
