"""The local cloud as commands start it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fanfold.cli.talk import talk

if TYPE_CHECKING:
    from fanfold.local.chaos import Chaos
    from fanfold.local.cloud import LocalCloud


@contextmanager
def local_cloud(model: str, parameters: Mapping[str, str] | None = None, **options: Any) -> Iterator["LocalCloud"]:
    """A local cloud that runs this model, and says so wherever the template's model is named."""
    from fanfold.local.cloud import LocalCloud  # noqa: PLC0415 - takes a second that `--help` needn't wait for

    # The template takes names of the Hub, which have no colon as a container's address has.
    name = Path(model).name.replace(":", "-")
    cloud = LocalCloud(model=model, parameters={"HfModelId": name, **(parameters or {})}, **options)
    with talk.status("starting a local cloud"):
        cloud.start()
    try:
        yield cloud
    finally:
        with talk.status("ending the local cloud"):
            cloud.stop()


def make_chaos(seed: int) -> "Chaos":
    """Conditions under which everything goes wrong at times."""
    from fanfold.local.chaos import Chaos  # noqa: PLC0415 - likewise

    return Chaos(seed)
