"""What a fake raises where the service refuses a call."""


class RefusedError(Exception):
    """The service would refuse this call, in these words."""
