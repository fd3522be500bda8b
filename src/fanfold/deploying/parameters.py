"""Parameters and tags in a deploy: those that are given, else those that the stack has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fanfold.errors import DeployError
from fanfold.hub import is_commit
from fanfold_core.domain.options import Options
from fanfold_core.domain.options.row import JOB_DEFAULTS
from fanfold_core.input.errors import JobDefaultsError
from localaws import template
from localaws.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from types_boto3_cloudformation.type_defs import ParameterTypeDef, TagTypeDef

_MOST_BYTES = 2_000
_REVISION = "HfRevision"
_NAMING_A_MODEL = ("HfModelId", "ModelDataUrl", "EndpointName")
# By it the bill tells stacks apart; the template gives it to what costs most.
_COST_TAG = "fanfold"
# CloudFormation's own, which nobody may set.
_RESERVED_TAG = "aws:"


def to_decide(source: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The parameters that a first deploy asks for, as the template describes them: the first group of its interface."""
    first, *_ = source["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    return {name: source["Parameters"][name] for name in first["Parameters"]}


def checked(
    source: Mapping[str, Any], given: Mapping[str, str], before: Mapping[str, str], region: str
) -> dict[str, str]:
    """The values of all parameters after a deploy; `before` are the stack's.

    Raises:
        TemplateError: one is unknown, has a value that isn't allowed, or they contradict each other, or no container
            runs on the instance type.
        DeployError: every job would fail by its default options.
    """
    chosen = {**_kept(source, given, before), **given}
    template.check(source, chosen, region)
    values = {**template.defaults_of(source), **chosen}
    if template.evaluate(source, values, {"Condition": "InstanceWithoutContainer"}):
        raise ParameterError(
            f"The template has no container for InstanceType {values['InstanceType']}, which has a processor of AWS "
            "(Inferentia, Trainium or Graviton). Choose another type, or set ContainerImage to one for it."
        )
    try:
        check_job_defaults(values[JOB_DEFAULTS])
    except JobDefaultsError as error:
        raise DeployError(str(error)) from error
    return values


def check_job_defaults(text: str) -> None:
    """See that jobs could have the options in a value of JobDefaults, and that Lambda takes it.

    Raises:
        JobDefaultsError: an option is none, or has a value that none may have; or the text is too long.
    """
    Options.defaults(text)
    # The template counts characters.
    if (size := len(text.encode())) > _MOST_BYTES:
        raise JobDefaultsError(
            f"it has {size:,} bytes in UTF-8, and may have {_MOST_BYTES:,}, since all variables of a function together "
            "have 4 KB: shorten its texts, or leave them to the options of each file"
        )


def as_sent(source: Mapping[str, Any], given: Mapping[str, str], before: Mapping[str, str]) -> list[ParameterTypeDef]:
    """The parameters as CloudFormation takes them. One that is new to the stack has its default."""
    kept: list[ParameterTypeDef] = [
        {"ParameterKey": name, "UsePreviousValue": True} for name in _kept(source, given, before)
    ]
    chosen: list[ParameterTypeDef] = [{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()]
    return kept + chosen


def tags_as_sent(stack: str, given: Mapping[str, str], before: Mapping[str, str]) -> list[TagTypeDef]:
    """All tags of a stack as CloudFormation takes them: it keeps none that it isn't sent. An empty value ends a tag.

    >>> tags_as_sent("tweets", {"team": "", "stage": "test"}, {"team": "nlp"})
    [{'Key': 'fanfold', 'Value': 'tweets'}, {'Key': 'stage', 'Value': 'test'}]
    """
    chosen = {name: value for name, value in {**before, **given}.items() if value}
    tags = {_COST_TAG: stack, **chosen}
    return [{"Key": name, "Value": value} for name, value in tags.items() if not name.startswith(_RESERVED_TAG)]


def without_stale_revision(given: Mapping[str, str], before: Mapping[str, str]) -> dict[str, str]:
    """What is given, and an empty HfRevision if the stack's is of a model that it will have no more.

    >>> without_stale_revision({"HfModelId": "acme/new"}, {"HfModelId": "acme/old", "HfRevision": "v1"})
    {'HfModelId': 'acme/new', 'HfRevision': ''}
    """
    is_other = any(name in given and given[name] != before.get(name) for name in _NAMING_A_MODEL)
    return {_REVISION: "", **given} if is_other and before.get(_REVISION) else dict(given)


def to_pin(values: Mapping[str, str]) -> tuple[str, str] | None:
    """The model on the Hub, and its revision, of a stack whose predictions a push to the Hub would change."""
    if values["ModelDataUrl"] or values["EndpointName"] or is_commit(values[_REVISION]):
        return None
    return values["HfModelId"], values[_REVISION]


def dropped(source: Mapping[str, Any], before: Mapping[str, str]) -> dict[str, str]:
    """What the stack has set and this version's template doesn't know any more."""
    return {name: value for name, value in before.items() if name not in source["Parameters"]}


def _kept(source: Mapping[str, Any], given: Mapping[str, str], before: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in before.items() if name in source["Parameters"] and name not in given}
