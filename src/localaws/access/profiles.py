"""Sessions of botocore for the local cloud, which read no user's profile, and all the same descriptions of AWS.

Profiles are for AWS, so it doesn't matter here which is chosen, or missing.
"""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.loaders import JSONFileLoader, Loader

if TYPE_CHECKING:
    from collections.abc import Iterable

# Where profiles are chosen, and the files that hold them.
_CHOICES = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE")
# Beside the local cloud's variables, each of these makes tools fail, or ask AWS: tokens belong to other keys, a profile
# may be missing, and the others forbid an address of one's own.
MISLEADING = (
    *("AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", *_CHOICES),
    *("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"),
)
_FILES = {"config_file": "AWS_CONFIG_FILE", "credentials_file": "AWS_SHARED_CREDENTIALS_FILE"}


class LightLoader(JSONFileLoader):
    """Reads botocore's descriptions of AWS, large files of JSON, in half the memory.

    Dictionaries are plain ones, and texts for people are empty.
    """

    def load_file(self, file_path: str) -> Any:
        """The content of a file, None if there is none; the path is without the end of its name."""
        for path, opened in ((f"{file_path}.json", open), (f"{file_path}.json.gz", gzip.open)):
            if Path(path).is_file():
                with opened(path, "rb") as stream:
                    return json.load(stream, object_hook=_without_words)
        return None


def _without_words(description: dict[str, Any]) -> dict[str, Any]:
    # What is called so and is no text is a member of something. botocore wants it to be there.
    if isinstance(description.get("documentation"), str):
        description["documentation"] = ""
    return description


# Once for all sessions, instead of once for each.
_DESCRIPTIONS = Loader(file_loader=LightLoader())


def read_descriptions(services: Iterable[str]) -> None:
    """Read what clients of these services need, before it is needed."""
    for name in ("endpoints", "sdk-default-configuration", "partitions"):
        _DESCRIPTIONS.load_data_with_path(name)
    for service in services:
        for kind in ("service-2", "endpoint-rule-set-1"):
            _DESCRIPTIONS.load_service_model(service, kind)


def session_without_profile() -> botocore.session.Session:
    """A session for this process.

    >>> boto3.Session(botocore_session=session_without_profile(), region_name="us-east-1")
    """
    files = dict.fromkeys(_FILES, (None, None, os.devnull, None))
    session = botocore.session.Session({"profile": (None, None, None, None), **files})
    session.register_component("data_loader", _DESCRIPTIONS)
    return session


def environment_without_profile() -> dict[str, str]:
    """The environment for another process, which makes sessions of its own."""
    kept = {name: value for name, value in os.environ.items() if name not in _CHOICES}
    return {**kept, **dict.fromkeys(_FILES.values(), os.devnull)}
