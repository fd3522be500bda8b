"""How a stack changes: moto's updates see no conditions and replace nothing, and a failure leaves what it has made.

In the order of CloudFormation: what is new or changed is made first, each after all that it names; what is no longer
wanted is removed at the end. Whatever fails takes the stack back to where it was.
"""

import copy
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from moto.awslambda.models import LambdaFunction
from moto.cloudformation import models
from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import Stack
from moto.cloudformation.parsing import ResourceMap, clean_json, parse_and_create_resource
from moto.iam.models import ManagedPolicy
from moto.sagemaker.models import FakeEndpoint, sagemaker_backends

from localaws.server import completion, hosting, put, replace
from localaws.server.creation import CREATED

Properties = dict[str, Any]

_UNDONE = "ROLLBACK_COMPLETE"
# Their names are CloudFormation's, so a change makes another one.
_REPLACED = {"AWS::SageMaker::EndpointConfig", "AWS::SageMaker::Model"}
# Making these again changes what is there.
_MADE_AGAIN = CREATED.keys() - {"AWS::SNS::Subscription"}


def patch() -> None:
    """Change moto's stacks."""
    replace(Stack, "create_resources", _or_nothing)
    replace(Stack, "update", _or_as_before)
    put(models, "ResourceMap", Resources)


def _or_nothing(create: Callable[[Stack], None]) -> Callable[[Stack], None]:
    def create_resources(self: Stack) -> None:
        try:
            create(self)
        except Exception as error:
            self.resource_map.undo()  # type: ignore[attr-defined] # it is one of ours
            self.status = _UNDONE
            raise ValidationError(message=_words(error)) from error

    return create_resources


def _or_as_before(change: Callable[..., None]) -> Callable[..., None]:
    def update(self: Stack, template: str, *others: Any, **named: Any) -> None:
        if self.status == _UNDONE:
            raise ValidationError(message=f"Stack:{self.stack_id} is in {_UNDONE} state and can not be updated.")
        before, parameters = self.template, self.resource_map.input_parameters
        try:
            change(self, template, *others, **named)
        except Exception as error:
            self.template = before
            self._parse_template()
            self.resource_map.update(self.template_dict, parameters)
            self.status = f"UPDATE_{_UNDONE}"
            raise ValidationError(message=_words(error)) from error

    return update


class Resources(ResourceMap):
    """A stack's resources, as moto keeps them, and their changes."""

    def update(self, template: dict[str, Any], parameters: dict[str, Any] | None = None) -> None:
        """Make and change what a template and its parameters say, then delete what they no longer want."""
        before = {name: self._resolved(name) for name in self._made()}
        self._template, self._resource_json_map = template, template["Resources"]
        self.input_parameters = parameters or self.input_parameters
        self.load_mapping()
        self.load_parameters()
        self.load_conditions()
        wanted = [name for name in _in_order(self._resource_json_map) if self._is_wanted(name)]
        superseded = []
        for name in wanted:
            resource = self._parsed_resources.get(name)
            if resource is None:
                _ = self[name]  # looking it up makes it
            elif self._resolved(name) != before[name]:
                self._parsed_resources[name] = self._changed(name, resource)
                if self._resource_json_map[name]["Type"] in _REPLACED:
                    superseded.append((name, resource))
        for name, resource in superseded:
            self._delete_resource(resource, self._resource_json_map[name])
        self._remove(before.keys() - set(wanted))

    def delete(self) -> None:
        """Delete all but what outlives its stack."""
        self._remove(self._made(), {"Retain", "RetainExceptOnCreate"})

    def undo(self) -> None:
        """Delete all after a creation that failed."""
        self._remove(self._made(), {"Retain"})

    def _changed(self, name: str, resource: Any) -> Any:
        """The resource after its change, which may be another one."""
        described, properties = self._resource_json_map[name], self._resolved(name)
        where = (self._account_id, self._region_name)
        match resource:
            case FakeEndpoint():
                retains = bool(properties.get("RetainAllVariantProperties"))
                backend = sagemaker_backends[where[0]][where[1]]
                config = properties["EndpointConfigName"]
                return hosting.update_endpoint(backend, resource.endpoint_name, config, retains=retains)
            case LambdaFunction():
                resource.environment_vars = properties["Environment"]["Variables"]
                completion.function(resource, properties)
                return resource
            case ManagedPolicy():
                (version,) = resource.versions
                version.document = json.dumps(properties["PolicyDocument"])
                return resource
            case _ if described["Type"] in _REPLACED | _MADE_AGAIN:
                return parse_and_create_resource(name, described, self, *where)
        raise ValidationError(message=f"{name}: the local cloud can't change a resource of type {described['Type']}.")

    def _remove(self, names: Iterable[str], kept: Iterable[str] = ()) -> None:
        """Delete what was made, the last first, but for what a DeletionPolicy keeps."""
        made = self._made()
        for name in reversed(_in_order(self._resource_json_map)):
            described = self._resource_json_map[name]
            if name in made and name in names and described.get("DeletionPolicy") not in kept:
                self._delete_resource(made[name], described)
                del self._parsed_resources[name]

    def _made(self) -> dict[str, Any]:
        """What there is, by logical id."""
        parsed = self._parsed_resources
        return {name: parsed[name] for name in self._resource_json_map if parsed.get(name) is not None}

    def _is_wanted(self, name: str) -> bool:
        condition = self._resource_json_map[name].get("Condition")
        return condition is None or bool(self.lazy_condition_map[condition])

    def _resolved(self, name: str) -> Properties:
        properties = copy.deepcopy(self._resource_json_map[name].get("Properties", {}))
        found: Properties = clean_json(properties, self)
        return found


def _words(error: Exception) -> str:
    """What a service said, in an answer of CloudFormation's."""
    return f"{type(error).__name__}: {error}"


def _in_order(described: Mapping[str, Any]) -> list[str]:
    """Logical ids, each after all that it names."""
    ordered: dict[str, None] = {}

    def visit(name: str) -> None:
        if name not in ordered:
            for other in _named(described[name]):
                if other in described and other != name:
                    visit(other)
            ordered[name] = None

    for name in described:
        visit(name)
    return list(ordered)


def _named(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _named(item)
    elif isinstance(value, dict):
        for key, inner in value.items():
            match key, inner:
                case "Ref", str():
                    yield inner
                case "Fn::GetAtt", [str(name), *_]:
                    yield name
                case "Fn::Sub", str() | [str(), *_]:
                    yield from re.findall(r"\$\{(\w+)", inner if isinstance(inner, str) else inner[0])
                    yield from _named(inner)
                case "DependsOn", _:
                    yield from [inner] if isinstance(inner, str) else inner
                case _:
                    yield from _named(inner)
