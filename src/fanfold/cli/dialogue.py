"""What `fanfold deploy` asks about parameters, and says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fanfold.deploying import parameters
from fanfold.errors import DeployError
from fanfold.hub import find_commit
from fanfold.input.files import cut_short
from fanfold.terminal import spinner, stderr
from fanfold_core.app.costs import HOUR, in_dollars, instance_dollars
from fanfold_core.domain.options import Options
from localaws import template
from localaws.errors import TemplateError

if TYPE_CHECKING:
    from collections.abc import Mapping


def ask(source: Mapping[str, Any], chosen: Mapping[str, str], region: str) -> dict[str, str]:
    """What is chosen of a new stack's parameters: what was given, and of those to decide what is answered."""
    answers = dict(chosen)
    stderr.print("A new stack. Press Enter to take a default; `fanfold deploy` changes parameters later, too.\n")
    for name, declared in parameters.to_decide(source).items():
        if name in chosen:
            continue
        default = str(declared["Default"])

        def answered(value: str, name: str = name) -> str:
            try:
                template.check(source, {**answers, name: value}, region)
            except TemplateError as error:
                raise click.UsageError(str(error)) from error
            return value

        stderr.print(declared["Description"], soft_wrap=True)
        value = click.prompt(name, default, show_default=bool(default), value_proc=answered, err=True)
        if value != default:
            answers[name] = value
    return answers


def say_what_is_gone(gone: Mapping[str, str], defaults: Mapping[str, str]) -> None:
    """Name parameters that this version doesn't have, but for those that were at their defaults."""
    if named := ", ".join(f"{name}={value}" for name, value in gone.items() if defaults.get(name) != value):
        words = (
            f"This version no longer has these parameters: {named}. To replace them, see docs/upgrade.md, “Parameters "
            "that are gone”"
        )
        stderr.print(words, style="yellow", soft_wrap=True)


def pinned(values: Mapping[str, str]) -> dict[str, str]:
    """HfRevision as the commit that the Hub says an empty one, a branch or a tag is; nothing if it doesn't say so."""
    if (found := parameters.to_pin(values)) is None:
        return {}
    model, revision = found
    try:
        with spinner(f"asking the Hub for the commit of {model}"):
            commit = find_commit(model, revision)
    except DeployError as error:
        loaded = f"what {revision} is by then" if revision else "the latest commit"
        stderr.print(
            f"HfRevision stays {revision or 'empty'}, so each new instance loads {loaded}, and predictions may change: "
            f"{error}.",
            style="yellow",
            soft_wrap=True,
        )
        return {}
    stderr.print(f"HfRevision is {commit}, {revision or 'the latest commit'} of {model} now.", soft_wrap=True)
    return {"HfRevision": commit}


def say_what_is_cut_short(values: Mapping[str, str]) -> None:
    """Warn of defaults of jobs that the stack's container doesn't let them have."""
    for warning in cut_short(Options.of_stack(values, {}), values):
        stderr.print(f"JobDefaults: {warning}", style="yellow", soft_wrap=True)


def instances(values: Mapping[str, str]) -> str:
    """What costs most."""
    if values["EndpointName"]:
        return f"The stack uses the endpoint {values['EndpointName']}, whose instances it does not create."
    dollars = instance_dollars(values["InstanceType"], HOUR)
    price = "" if dollars is None else f" about {in_dollars(dollars)} an hour for each while it runs (us-east-1),"
    unknown = (
        " Its price is not known here: `fanfold estimate`, the costs of jobs and max-dollars count services only."
        if dollars is None
        else ""
    )
    return (
        f"What costs most is the endpoint: {values['MinInstances']} to {values['MaxInstances']} instances of type "
        f"{values['InstanceType']},{price} of which a new endpoint starts one.{unknown}"
    )
