"""What a user has set for AWS: the local cloud reads no profile, so it doesn't matter which is chosen, or missing."""

from __future__ import annotations

import os

import botocore.session

# Where profiles are chosen, and the files that hold them.
_CHOICES = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE")
# Beside the local cloud's variables, each of these makes tools fail, or ask AWS: tokens belong to other keys, a profile
# may be missing, and the others forbid an address of one's own.
MISLEADING = (
    *("AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", *_CHOICES),
    *("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"),
)
_FILES = {"config_file": "AWS_CONFIG_FILE", "credentials_file": "AWS_SHARED_CREDENTIALS_FILE"}


def session_without_profile() -> botocore.session.Session:
    """A session for this process.

    >>> boto3.Session(botocore_session=session_without_profile(), region_name="us-east-1")
    """
    files = dict.fromkeys(_FILES, (None, None, os.devnull, None))
    return botocore.session.Session({"profile": (None, None, None, None), **files})


def environment_without_profile() -> dict[str, str]:
    """The environment for another process, which makes sessions of its own."""
    kept = {name: value for name, value in os.environ.items() if name not in _CHOICES}
    return {**kept, **dict.fromkeys(_FILES.values(), os.devnull)}
