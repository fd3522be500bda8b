"""CloudFormation: resource types that moto doesn't create, and properties that it drops.

Which they are stands in `creation`, `deletion` and `completion`. What a template may say at all is listed in
`localaws.properties`; a new type or property goes into both.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from moto.awslambda.models import LambdaFunction, LayerVersion
from moto.cloudformation import parsing
from moto.cloudformation.models import Stack
from moto.core.common_models import CloudFormationModel
from moto.logs.models import LogGroup
from moto.sagemaker.models import FakeEndpoint, FakeEndpointConfig, Model
from moto.sqs.models import Queue

from localaws.server import put, replace
from localaws.server.completion import COMPLETED, with_logging
from localaws.server.creation import ATTRIBUTES, CREATED
from localaws.server.deletion import DELETED, Delete

Properties = dict[str, Any]

# Types that nothing here would use: no resource is made.
_LEFT_OUT = ("AWS::Logs::QueryDefinition",)

# Types whose explicit name moto ignores.
_NAMED: Mapping[Any, str] = {
    FakeEndpoint: "EndpointName",
    FakeEndpointConfig: "EndpointConfigName",
    LayerVersion: "LayerName",
    Model: "ModelName",
}


def patch(url: str) -> None:
    """Change moto's CloudFormation. `url` is where this server listens; queue URLs begin with it."""
    for resource_type, create in CREATED.items():
        _add_type(resource_type, create, DELETED[resource_type])
    put(parsing, "NULL_MODELS", [*parsing.NULL_MODELS, *_LEFT_OUT])
    for model, complete in COMPLETED.items():
        _finish_type(model, complete)
    for model, name in _NAMED.items():
        put(model, "cloudformation_name_type", staticmethod(lambda name=name: name))
    put(LayerVersion, "physical_resource_id", property(lambda layer: layer.arn))
    put(Queue, "physical_resource_id", property(lambda queue: f"{url}/{queue.account_id}/{queue.name}"))
    # CloudFormation's ARN of a log group is that of its streams; that is its only attribute.
    put(LogGroup, "get_cfn_attribute", lambda group, _name: f"{group.arn}:*")
    # SageMaker's ARNs are in lower case, whatever the name.
    put(FakeEndpoint, "physical_resource_id", property(lambda endpoint: endpoint.arn.lower()))
    put(FakeEndpointConfig, "physical_resource_id", property(lambda config: config.endpoint_config_arn.lower()))
    # Moto knows the instance types of some years ago.
    put(FakeEndpointConfig, "validate_instance_type", lambda _self, _instance_type: None)
    replace(LambdaFunction, "get_configuration", with_logging)
    replace(parsing, "clean_json", _as_cloudformation_reads)
    replace(Stack, "parse_template", _json_as_json)
    for cached in (parsing.get_model_list, parsing.get_model_map, parsing.get_name_type_map):
        cached.cache_clear()


def _add_type(resource_type: str, create: Callable[[Properties, str, str], str], delete: Delete) -> None:
    def create_from_json(
        cls: type[Any], /, _name: str, cloudformation_json: Properties, account_id: str, region_name: str, **_: object
    ) -> CloudFormationModel:
        resource: CloudFormationModel = cls()
        properties = cloudformation_json["Properties"]
        made = create(properties, account_id, region_name)
        put(resource, "physical_resource_id", made)
        if resource_type in ATTRIBUTES:
            attributes = ATTRIBUTES[resource_type](made, account_id, region_name)
            put(resource, "get_cfn_attribute", attributes.__getitem__)
        put(resource, "delete", lambda *where: delete(made, properties, *where))
        return resource

    # Making the class is what registers it: moto looks for the subclasses, and sorts them by their module's name.
    register: Callable[[str, tuple[type, ...], dict[str, Any]], type] = type(CloudFormationModel)
    register(
        resource_type.replace("::", ""),
        (CloudFormationModel,),
        {
            "__module__": "moto.fanfold.models",
            "cloudformation_type": staticmethod(lambda: resource_type),
            "cloudformation_name_type": staticmethod(lambda: ""),
            "create_from_cloudformation_json": classmethod(create_from_json),
            "get_cfn_attribute": _no_attribute,
        },
    )


def _no_attribute(resource: Any, attribute: str) -> str:  # one of the classes made here
    raise NotImplementedError(f"The local cloud gives {resource.cloudformation_type()} no attribute {attribute}.")


def _finish_type(model: type[CloudFormationModel], complete: Callable[[Any, Properties], None]) -> None:
    def make(create: Callable[..., Any]) -> Any:  # a classmethod, as moto's
        def create_and_complete(
            _cls: type, /, name: str, cloudformation_json: Properties, *where: str, **options: Any
        ) -> Any:
            resource = create(name, cloudformation_json, *where, **options)
            complete(resource, cloudformation_json["Properties"])
            return resource

        return classmethod(create_and_complete)

    replace(model, "create_from_cloudformation_json", make)


def _json_as_json(parse_template: Callable[[str], Any]) -> Any:  # a staticmethod, as moto's
    """Moto reads JSON as YAML, and takes half a second for it."""

    def parse(template: str) -> Any:
        return json.loads(template) if template.startswith("{") else parse_template(template)

    return staticmethod(parse)


def _as_cloudformation_reads(clean: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Moto leaves a null in a list for `AWS::NoValue`, and finds nothing in a mapping by a number."""

    def clean_json(value: Any, resources: Any) -> Any:
        if isinstance(value, dict) and "Fn::FindInMap" in value:
            name, *keys = value["Fn::FindInMap"]
            value = {"Fn::FindInMap": [name, *(str(clean(key, resources)) for key in keys)]}
        cleaned = clean(value, resources)
        return [item for item in cleaned if item is not None] if isinstance(cleaned, list) else cleaned

    return clean_json
