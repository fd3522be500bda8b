"""The parameter ContainerEnvironment, whose JSON becomes variables of the endpoint's container.

CloudFormation has no function that makes keys of a map from a parameter, so a deploy writes them into the template
(ADR 18). The stack keeps the parameter, and so every later deploy has them, too.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from localaws.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PARAMETER = "ContainerEnvironment"
_RULE = "FanfoldDeployFillsContainerEnvironmentIn"
# As SageMaker takes them.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,1023}", re.ASCII)
_LONGEST, _MOST = 1024, 100
_MODEL = "HF_MODEL_ID"


def filled(source: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    """A template with the variables that values of its parameters say; without any, as it is.

    Raises:
        ParameterError: the value of ContainerEnvironment isn't a JSON object of variables, or one is a parameter's.
    """
    given = dict(_variables(values.get(_PARAMETER, "{}")))
    if not given:
        return dict(source)
    resources, rules = dict(source["Resources"]), dict(source.get("Rules", {}))
    rules.pop(_RULE, None)
    for name, resource in source["Resources"].items():
        if resource["Type"] == "AWS::SageMaker::Model":
            container = resource["Properties"]["PrimaryContainer"]
            own: dict[str, Any] = container.get("Environment", {})
            _check(given, own, is_in_s3=bool(values.get("ModelDataUrl")))
            changed = {**container, "Environment": {**own, **given}}
            resources[name] = {**resource, "Properties": {**resource["Properties"], "PrimaryContainer": changed}}
    return {**source, "Resources": resources, "Rules": rules}


def _variables(text: str) -> Iterator[tuple[str, str]]:
    try:
        given = json.loads(text)
    except ValueError as error:
        raise ParameterError(f"Parameter {_PARAMETER} isn't JSON: {error}.") from error
    if not isinstance(given, dict):
        raise ParameterError(f"Parameter {_PARAMETER} must be a JSON object of variables.")
    for name, value in given.items():
        if not _NAME.fullmatch(name):
            raise ParameterError(
                f"Parameter {_PARAMETER}: {name!r} can't be a variable; use letters, digits and underscores."
            )
        if not isinstance(value, str | int | float):
            raise ParameterError(f"Parameter {_PARAMETER}: {name} must be a text, a number, true or false.")
        said = value if isinstance(value, str) else json.dumps(value)
        if len(said) > _LONGEST:
            raise ParameterError(f"Parameter {_PARAMETER}: {name} has more than {_LONGEST:,} characters.")
        yield name, said


def _check(given: Mapping[str, str], own: Mapping[str, Any], *, is_in_s3: bool) -> None:
    """Refuse what the template takes from another parameter; what is fixed in it may be changed.

    Of a model in S3 it says no HF_MODEL_ID, without which TEI doesn't start.
    """
    for name in given:
        if not isinstance(own.get(name, ""), str) and not (is_in_s3 and name == _MODEL):
            raise ParameterError(
                f"Parameter {_PARAMETER}: {name} is set by a parameter of its own; see docs/models.md."
            )
    if len({*own, *given}) > _MOST:
        raise ParameterError(f"Parameter {_PARAMETER}: a container may have {_MOST} variables at most.")
