"""SageMaker's control plane: descriptions hold what was given, and nothing else."""

from collections.abc import Callable

from moto.core.responses import ActionResult
from moto.sagemaker.responses import SageMakerResponse

from fanfold.local.server.patching import replace

Describe = Callable[[SageMakerResponse], ActionResult]


def improve() -> None:
    """Change moto's SageMaker."""
    for name in ("describe_endpoint", "describe_endpoint_config", "describe_model"):
        replace(SageMakerResponse, name, _without_empty_members)


def _without_empty_members(original: Describe) -> Describe:
    """Moto describes, say, a network without subnets where none was given, which the SageMaker SDK refuses to read."""

    def describe(self: SageMakerResponse) -> ActionResult:
        described: dict[str, object] = original(self).result  # type: ignore[assignment]
        return ActionResult({name: value for name, value in described.items() if value not in ({}, [])})

    return describe
