"""template.yaml as plain CloudFormation, and what it says about where its functions' code is."""

import copy
import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import boto3
import yaml

try:
    from yaml import CSafeLoader as SafeLoader
except ImportError:
    # Built without libyaml: the same, ten times slower.
    from yaml import SafeLoader  # type: ignore[assignment]

from localaws.access.profiles import session_without_profile
from localaws.errors import ParameterError, TemplateError

REGION = "us-east-1"
_NO_VALUE = "AWS::NoValue"
# Where resources of these types say what their code is.
CODE_PLACES = {"AWS::Serverless::Function": "CodeUri", "AWS::Serverless::LayerVersion": "ContentUri"}
# The translator accepts code in S3 only; nothing is ever looked up there.
_PLACEHOLDER = "s3://local/code"
_WHOLE = re.compile(r"[0-9]{1,18}")


class _Loader(SafeLoader):
    """YAML with CloudFormation's short forms, `!Ref Name`, which it gives in their long form, `{"Ref": "Name"}`."""

    def long_form(self, suffix: str, node: yaml.Node) -> dict[str, Any]:
        """The function that a tag without its `!` stands for."""
        name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
        if isinstance(node, yaml.ScalarNode):
            text = self.construct_scalar(node)
            return {name: text.split(".", 1) if suffix == "GetAtt" else text}
        if isinstance(node, yaml.SequenceNode):
            return {name: self.construct_sequence(node, deep=True)}
        assert isinstance(node, yaml.MappingNode)  # noqa: S101 # for the type checker: there is no other kind
        return {name: self.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _Loader.long_form)


@dataclass(frozen=True, slots=True)
class FunctionCode:
    """Where a function's code is: its own folder and its layers' content roots."""

    folder: Path
    handler: str
    layers: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Template:
    """A template ready for CloudFormation. `body` is plain JSON-like data; `functions` goes by logical id."""

    body: Mapping[str, Any]
    parameters: Mapping[str, str]
    functions: Mapping[str, FunctionCode]

    def container_environment(self) -> dict[str, str]:
        """The variables of the endpoint's container, as these parameters make them.

        Example:
            >>> load(find_root(), {"HfTask": "fill-mask"}).container_environment()["HF_TASK"]
            'fill-mask'
        """
        models = (one for one in self.body["Resources"].values() if one["Type"] == "AWS::SageMaker::Model")
        given: dict[str, Any] = next(models, {"Properties": {"PrimaryContainer": {}}})["Properties"]["PrimaryContainer"]
        found = {name: self.value(value) for name, value in given.get("Environment", {}).items()}
        return {name: value for name, value in found.items() if value is not None}

    def value(self, expression: Any) -> Any:
        """What an expression over parameters, conditions and mappings comes to; None for AWS::NoValue."""
        return evaluate(self.body, self.parameters, expression)

    @property
    def text(self) -> str:
        """The template as CloudFormation takes it."""
        return json.dumps(self.body)


def load(root: Path, overrides: Mapping[str, str] | None = None) -> Template:
    """Read and transform `root`/template.yaml. `overrides` are values of its parameters.

    Raises:
        TemplateError: SAM refuses the template, or a parameter is unknown or has a value that isn't allowed, by itself
            or beside the others.

    Example:
        >>> load(find_root(), {"LogLevel": "DEBUG"}).functions["SplitterFunction"].handler
        'handler.handler'
    """
    source = read(root)
    parameters = dict(overrides or {})
    check(source, parameters)
    functions = _functions(source, root)
    return Template(_transform(source), parameters, functions)


def read(root: Path) -> dict[str, Any]:
    """`root`/template.yaml as it is, with its functions in their long form."""
    text = (root / "template.yaml").read_text(encoding="utf-8")
    source: dict[str, Any] = yaml.load(text, _Loader)  # noqa: S506 # it is a safe one
    return source


def check(source: Mapping[str, Any], parameters: Mapping[str, str], region: str | None = None) -> None:
    """Refuse values of a template's parameters that CloudFormation would refuse in a region.

    Raises:
        TemplateError: a parameter is unknown or has a value that isn't allowed, by itself or beside the others.
    """
    declared = source.get("Parameters", {})
    for name, value in parameters.items():
        _check_parameter(name, value, declared)
    values = {**defaults_of(source), **parameters, "AWS::Region": region or REGION}
    if contradictions := list(_broken_rules(source.get("Rules", {}), values)):
        raise ParameterError("\n".join(contradictions))


def defaults(root: Path) -> dict[str, str]:
    """The parameters of `root`/template.yaml that have a default, and what it is."""
    return defaults_of(read(root))


def defaults_of(source: Mapping[str, Any]) -> dict[str, str]:
    """The parameters of a template that have a default, and what it is."""
    declared = source.get("Parameters", {})
    return {name: str(found["Default"]) for name, found in declared.items() if "Default" in found}


def evaluate(source: Mapping[str, Any], parameters: Mapping[str, str], expression: Any) -> Any:
    """What an expression over a template's parameters, conditions and mappings comes to; None for AWS::NoValue.

    Example:
        >>> evaluate({}, {"Type": "ml.g5.xlarge"}, {"Fn::Select": [1, {"Fn::Split": [".", {"Ref": "Type"}]}]})
        'g5'
    """
    return _value(expression, {**defaults_of(source), **parameters, _NO_VALUE: None}, source)


def _check_parameter(name: str, value: str, declared: Mapping[str, Any]) -> None:
    """Moto takes any value, and ignores a parameter that the template doesn't have; and it ignores Rules."""
    if name not in declared:
        near = get_close_matches(name, declared, 1)
        hint = f"Did you mean {near[0]}?" if near else f"It has {', '.join(sorted(declared)) or 'none'}."
        raise ParameterError(f"The template has no parameter {name}. {hint}")
    limits = declared[name]
    allowed = [str(choice) for choice in limits.get("AllowedValues", [value])]
    if value not in allowed:
        raise ParameterError(f"Parameter {name} must be one of {', '.join(allowed)}, not {value!r}.")
    if not re.fullmatch(limits.get("AllowedPattern", ".*"), value, re.DOTALL):
        wanted = limits.get("ConstraintDescription", f"must match {limits['AllowedPattern']}").removesuffix(".")
        raise ParameterError(f"Parameter {name} is {value!r}; it {wanted}.")
    if len(value) > limits.get("MaxLength", len(value)):
        raise ParameterError(f"Parameter {name} has {len(value)} characters; it may have {limits['MaxLength']}.")
    if limits["Type"] == "Number":
        _check_number(name, value, limits.get("MinValue", 0), limits.get("MaxValue"))


def _check_number(name: str, value: str, least: int, most: int | None) -> None:
    """CloudFormation takes others than whole numbers, too, but functions read none."""
    if _WHOLE.fullmatch(value) and least <= int(value) <= (int(value) if most is None else most):
        return
    if most is None:
        raise ParameterError(f"Parameter {name} is {value!r}; it must be a whole number of {least} or more.")
    raise ParameterError(f"Parameter {name} is {value!r}; it must be a whole number from {least} to {most}.")


def _functions(source: Mapping[str, Any], root: Path) -> dict[str, FunctionCode]:
    shared = source.get("Globals", {}).get("Function", {})
    resources = source["Resources"]
    layers = {
        name: root / resource["Properties"]["ContentUri"]
        for name, resource in resources.items()
        if resource["Type"] == "AWS::Serverless::LayerVersion"
    }
    found = {}
    for name, resource in resources.items():
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        properties = {**shared, **resource["Properties"]}
        named = [*shared.get("Layers", []), *resource["Properties"].get("Layers", [])]
        try:
            roots = tuple(_content_root(layers[layer["Ref"]]) for layer in named)
            found[name] = FunctionCode(root / properties["CodeUri"], properties["Handler"], roots)
        except (KeyError, TypeError) as error:
            raise TemplateError(
                f"{name}: the local cloud needs CodeUri, Handler, and layers that are !Ref to layers of the template."
            ) from error
    return found


def _content_root(content: Path) -> Path:
    """A layer that is built by a Makefile keeps what becomes /opt/python in src/."""
    return content / "src" if (content / "src").is_dir() else content


def _transform(source: Mapping[str, Any]) -> dict[str, Any]:
    # Who only reads a template has no need of the translator, which is part of the local cloud and takes a second.
    from samtranslator.model.exceptions import InvalidDocumentException  # noqa: PLC0415
    from samtranslator.parser.parser import Parser  # noqa: PLC0415
    from samtranslator.translator.translator import Translator  # noqa: PLC0415

    # When its metrics, which nobody asked for, are thrown away, it warns of that.
    logging.getLogger("samtranslator.metrics").setLevel(logging.ERROR)
    document = copy.deepcopy(dict(source))
    for resource in document["Resources"].values():
        if resource["Type"] in CODE_PLACES:
            resource["Properties"][CODE_PLACES[resource["Type"]]] = _PLACEHOLDER
    session = boto3.Session(botocore_session=session_without_profile(), region_name=REGION)
    try:
        translated = Translator(managed_policy_map=None, sam_parser=Parser(), boto_session=session).translate(
            document, {}, get_managed_policy_map=dict
        )
    except InvalidDocumentException as error:
        causes = "; ".join(cause.message for cause in error.causes)
        raise TemplateError(f"SAM rejects the template: {causes}") from error
    return json.loads(json.dumps(translated, default=str))  # type: ignore[no-any-return] # it was a mapping


def _broken_rules(rules: Mapping[str, Any], values: Mapping[str, str]) -> Iterator[str]:
    """The description of every assertion that doesn't hold for these parameter values.

    Raises:
        NotImplementedError: a rule uses a function that isn't known here.

    Example:
        >>> assertion = {"Assert": {"Fn::Equals": [{"Ref": "A"}, ""]}, "AssertDescription": "A must be empty"}
        >>> list(_broken_rules({"Rule": {"Assertions": [assertion]}}, {"A": "x"}))
        ['A must be empty']
    """
    for rule in rules.values():
        if _value(rule.get("RuleCondition", True), values, {}):
            for assertion in rule["Assertions"]:
                if not _value(assertion["Assert"], values, {}):
                    yield assertion["AssertDescription"]


def _value(expression: Any, values: Mapping[str, str | None], body: Mapping[str, Any]) -> Any:
    if not isinstance(expression, dict):
        return expression
    ((function, operand),) = expression.items()
    match function:
        case "Ref":
            return {"AWS::Region": REGION, **values}[operand]
        case "Condition":
            return _value(body["Conditions"][operand], values, body)
        case "Fn::If":
            condition, *choices = operand
            return _value(choices[0 if _value({"Condition": condition}, values, body) else 1], values, body)
        case "Fn::Sub":
            return re.sub(r"\$\{(\w+)\}", lambda found: str(values[found[1]]), operand)
    operands = [_value(inner, values, body) for inner in operand]
    functions = {"Fn::FindInMap": lambda name, first, second: body["Mappings"][name][first][second], **_FUNCTIONS}
    if function not in functions:
        raise NotImplementedError(f"The local cloud doesn't support the function {function} here.")
    return functions[function](*operands)


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "Fn::And": lambda *operands: all(operands),
    "Fn::Contains": lambda listed, value: value in listed,
    "Fn::Equals": lambda one, other: str(one) == str(other),
    "Fn::Not": lambda operand: not operand,
    "Fn::Or": lambda *operands: any(operands),
    "Fn::Select": lambda index, listed: listed[int(index)],
    "Fn::Split": lambda delimiter, text: text.split(delimiter),
}
