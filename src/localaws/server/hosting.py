"""What moto lacks of endpoints that scale.

UpdateEndpoint, instances that take their time (see `set_instances`), and what becomes of a target that is deregistered.
"""

from collections.abc import Callable
from typing import Any

from moto.applicationautoscaling.models import ApplicationAutoscalingBackend, applicationautoscaling_backends
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.sagemaker.exceptions import AWSValidationException, ValidationError
from moto.sagemaker.models import FakeEndpoint, FakeEndpointConfig, SageMakerModelBackend, sagemaker_backends
from moto.sagemaker.responses import SageMakerResponse

from localaws.server import put, replace

_DIMENSION = "sagemaker:variant:DesiredInstanceCount"
_COUNTS = ("CurrentInstanceCount", "DesiredInstanceCount", "CurrentWeight", "DesiredWeight")
# Endpoints, by name, whose instances are there when `set_instances` says so.
_simulated: set[str] = set()


def patch() -> None:
    """Change moto's SageMaker and Application Auto Scaling."""
    put(SageMakerResponse, "update_endpoint", _update_endpoint)
    replace(SageMakerModelBackend, "update_endpoint_weights_and_capacities", _in_its_time)
    # Moto deletes them by what their ARN ends in, which is in lower case.
    put(FakeEndpoint, "delete", lambda made, *where: _backend(*where).delete_endpoint(made.endpoint_name))
    put(
        FakeEndpointConfig,
        "delete",
        lambda it, *where: _backend(*where).delete_endpoint_config(it.endpoint_config_name),
    )
    replace(ApplicationAutoscalingBackend, "deregister_scalable_target", _with_its_policies)


def _backend(account: str, region: str) -> SageMakerModelBackend:
    backend: SageMakerModelBackend = sagemaker_backends[account][region]
    return backend


def update_endpoint(backend: SageMakerModelBackend, name: str, config_name: str, *, retains: bool) -> FakeEndpoint:
    """Give an endpoint another configuration; `retains` leaves each variant the instances that it has.

    Raises:
        ValidationError: there is no such endpoint or configuration, or it would remove a variant, or change the
            instance type of one, that is a scalable target.
    """
    endpoint = backend.endpoints.get(name)
    config = backend.endpoint_configs.get(config_name)
    if endpoint is None or config is None:
        raise ValidationError(message=f"Could not find {'endpoint' if endpoint is None else config_name}.")
    before, after = _types(backend.endpoint_configs[endpoint.endpoint_config_name]), _types(config)
    targets = applicationautoscaling_backends[backend.account_id][backend.region_name].targets.get(_DIMENSION, {})
    changed = [variant for variant in before if after.get(variant) != before[variant]]
    scaled = [variant for variant in changed if f"endpoint/{name}/variant/{variant}" in targets]
    if scaled:
        raise ValidationError(
            message=f'The variant(s) "[{", ".join(scaled)}]" must be deregistered as scalable targets with AWS Auto '
            "Scaling before they can be removed or have their instance type updated."
        )
    had = {variant["VariantName"]: variant for variant in endpoint.production_variants}
    fresh = FakeEndpoint(  # type: ignore[abstract] # moto makes it, too
        backend.account_id, backend.region_name, name, config_name, config.production_variants, {}, endpoint.tags
    )
    kept = _COUNTS if retains else ("CurrentInstanceCount",) if name in _simulated else ()
    for variant in fresh.production_variants:
        old = had.get(variant["VariantName"], {})
        variant |= {count: old[count] for count in kept if count in old}
    endpoint.endpoint_config_name = config_name
    endpoint.production_variants = fresh.production_variants
    endpoint.last_modified_time = utcnow()
    if name in _simulated:
        _set_status(endpoint)
    return endpoint


def _types(config: FakeEndpointConfig) -> dict[str, str]:
    return {variant["VariantName"]: variant.get("InstanceType", "") for variant in config.production_variants}


def _update_endpoint(self: SageMakerResponse) -> ActionResult:
    endpoint = update_endpoint(
        self.sagemaker_backend,
        self._get_param("EndpointName"),
        self._get_param("EndpointConfigName"),
        retains=bool(self._get_param("RetainAllVariantProperties")),
    )
    return ActionResult({"EndpointArn": endpoint.arn})


def set_instances(region: str, name: str, variant: str, count: int) -> None:
    """Say how many instances a variant has by now.

    From then on, the endpoint is `Updating` while it has others than UpdateEndpointWeightsAndCapacities asked for.
    """
    endpoint = _backend(DEFAULT_ACCOUNT_ID, region).endpoints.get(name)
    if endpoint is None:
        return
    _simulated.add(name)
    for found in endpoint.production_variants:
        if found["VariantName"] == variant:
            found.setdefault("DesiredInstanceCount", count)
            found["CurrentInstanceCount"] = count
    _set_status(endpoint)


def _set_status(endpoint: FakeEndpoint) -> None:
    counts = [(it.get("CurrentInstanceCount"), it.get("DesiredInstanceCount")) for it in endpoint.production_variants]
    is_done = all(current == desired for current, desired in counts)
    endpoint.endpoint_status = "InService" if is_done else "Updating"


def _in_its_time(update: Callable[..., str]) -> Callable[..., str]:
    """Refuses, as AWS does, what comes while the last change is under way; keeps what isn't given."""

    def update_endpoint_weights_and_capacities(
        self: SageMakerModelBackend, endpoint_name: str, desired_weights_and_capacities: list[dict[str, Any]]
    ) -> str:
        endpoint = self.endpoints.get(endpoint_name)
        if endpoint is None:
            return update(self, endpoint_name, desired_weights_and_capacities)
        if endpoint.endpoint_status != "InService":
            raise AWSValidationException(f'Cannot update in-progress endpoint "{endpoint.arn}".')
        had = [dict(variant) for variant in endpoint.production_variants]
        arn = update(self, endpoint_name, desired_weights_and_capacities)
        for variant, before in zip(endpoint.production_variants, had, strict=True):
            kept = [name for name in _COUNTS if variant.get(name) is None]
            variant |= {name: before[name] for name in kept if name in before}
            if endpoint_name in _simulated:
                variant["CurrentInstanceCount"] = before.get("CurrentInstanceCount")
        if endpoint_name in _simulated:
            _set_status(endpoint)
        return arn

    return update_endpoint_weights_and_capacities


def _with_its_policies(deregister: Callable[..., None]) -> Callable[..., None]:
    """As its documentation says: deregistering a target deletes its policies and scheduled actions."""

    def deregister_scalable_target(
        self: ApplicationAutoscalingBackend, namespace: str, r_id: str, dimension: str
    ) -> None:
        deregister(self, namespace, r_id, dimension)

        def others(found: Any) -> bool:
            return bool(
                (found.service_namespace, found.resource_id, found.scalable_dimension) != (namespace, r_id, dimension)
            )

        self.policies = {key: policy for key, policy in self.policies.items() if others(policy)}
        self.scheduled_actions = [action for action in self.scheduled_actions if others(action)]

    return deregister_scalable_target
