"""`fanfold deploy`: create or update a stack from what is installed."""

from __future__ import annotations

import re
import shlex
import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import boto3
import click
from botocore.exceptions import BotoCoreError, ClientError

from fanfold.cli import options
from fanfold.cli.output import echo, show_facts
from fanfold.deploying import changes, parameters
from fanfold.deploying.artifacts import Artifacts
from fanfold.deploying.changes import ChangeSet
from fanfold.deploying.package import package, template_key
from fanfold.errors import StackError, UserError
from fanfold.project import find_root
from fanfold.stacks import make_client, refused_words
from fanfold.terminal import bytes_bar, spinner, stderr
from fanfold_core.app.costs import instance_dollars
from fanfold_core.input.errors import counted
from localaws import template
from localaws.errors import TemplateError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fanfold.deploying.changes import Event
    from fanfold.deploying.package import Package

_HOUR = 3600


def _name(_context: click.Context, _option: click.Parameter, name: str) -> str:
    """A name that CloudFormation takes for a stack."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,127}", name):
        raise click.BadParameter(
            f"{name!r} cannot be a stack's name: begin with a letter, and use at most 128 letters, digits and hyphens"
        )
    return name


@click.command(short_help="Deploy a stack on AWS, or update it.")
@options.stack_to_deploy(callback=_name)
@options.parameters
@click.option("--region", metavar="R", help="AWS region; default: that of the environment or the profile.")
@click.option("--profile", metavar="P", help="AWS profile; default: that of the environment.")
@click.option(
    "--artifacts-bucket",
    "bucket",
    metavar="B",
    help="Bucket of this account and region for code and template; default: fanfold-artifacts-ACCOUNT-REGION, which is "
    "created when it is needed.",
)
@click.option("--dry-run", "is_dry", is_flag=True, help="Only build and check what would be sent; call nothing of AWS.")
@click.option(
    "--package",
    "template_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Deploy nothing: send the code to the bucket, write the template to FILE, and print where the bucket has it.",
)
@click.option(
    "--yes", "-y", "is_agreed", is_flag=True, help="Don't ask, neither for parameters nor before the changes."
)
def deploy(
    stack: str,
    chosen: dict[str, str],
    region: str | None,
    profile: str | None,
    bucket: str | None,
    is_dry: bool,
    template_file: Path | None,
    is_agreed: bool,
) -> None:
    """Create the stack on AWS from what is installed, or update it to this version.

    Needs AWS credentials and pip, but neither a clone nor SAM nor Docker. It builds the layers from pinned packages,
    uploads the code, and shows what CloudFormation would change, before it asks whether to go on. Parameters that are
    not given keep their values in a stack that is there; in a new one they have their defaults, and on a terminal the
    most important ones are asked for. docs/options.md lists all.

    \b
    fanfold deploy
    fanfold deploy --parameter InstanceType=ml.m5.xlarge --parameter AlarmEmail=you@example.com
    fanfold deploy --stack tweets --region eu-central-1 --yes
    fanfold deploy --dry-run
    fanfold deploy --package fanfold.json    # for CDK, Terraform, and others that deploy templates
    """
    if template_file is not None and (is_dry or chosen):
        raise click.UsageError("--package deploys nothing: it cannot be combined with --dry-run or --parameter")
    if not (is_dry or is_agreed or template_file or sys.stdin.isatty()):
        raise click.UsageError("there is no terminal to ask whether to go on: add --yes")
    root = find_root()
    source = template.read(root)
    with TemporaryDirectory() as folder:
        if is_dry:
            values = parameters.checked(source, chosen, {}, region or template.REGION)
            _show_package(_packaged(root, folder), stack, bucket, values, chosen)
            return
        session, account = _identify(stack, region, profile)
        if template_file is not None:
            text, url = _send(root, folder, session, account, bucket)
            template_file.write_text(text, encoding="utf-8")
            echo(url)
            return
        existing = changes.find_parameters(session, stack)
        before = existing or {}
        if existing is None and not is_agreed:
            chosen = _ask(source, chosen, session.region_name)
        values = parameters.checked(source, chosen, before, session.region_name)
        if gone := parameters.dropped(source, before):
            _say_what_is_gone(gone, changes.find_defaults(session, stack))
        _, url = _send(root, folder, session, account, bucket)
    with spinner("asking CloudFormation what would change"):
        sent = parameters.as_sent(source, chosen, before)
        change_set = ChangeSet.create(session, stack, url, sent, is_new=existing is None)
    if change_set is None:
        stderr.print(f"Stack {stack} is up to date: nothing to change.")
        return
    _show_changes(change_set, values)
    _ask_whether_to_go_on(change_set, is_agreed=is_agreed)
    _follow(change_set, stack)
    show_facts(change_set.outputs())
    variables = {"AWS_PROFILE": profile, "AWS_DEFAULT_REGION": region}
    where = "".join(f"{name}={shlex.quote(value)} " for name, value in variables.items() if value)
    stderr.print(f"\nNext:\n\n  {where}fanfold doctor --stack {stack}", soft_wrap=True)


def _identify(stack: str, region: str | None, profile: str | None) -> tuple[boto3.Session, str]:
    """Whose account it is, and where."""
    try:
        session = boto3.Session(region_name=region, profile_name=profile)
        return session, make_client(session, "sts").get_caller_identity()["Account"]
    except (ClientError, BotoCoreError) as error:
        raise StackError(f"stack {stack}: {refused_words(error)}") from error


def _say_what_is_gone(gone: Mapping[str, str], defaults: Mapping[str, str]) -> None:
    """Name parameters that this version doesn't have, but for those that were at their defaults."""
    if named := ", ".join(f"{name}={value}" for name, value in gone.items() if defaults.get(name) != value):
        words = (
            f"This version has these parameters no more: {named}. To replace them, see docs/operations.md, “Parameters "
            "that are gone”"
        )
        stderr.print(words, style="yellow", soft_wrap=True)


def _ask(source: Mapping[str, Any], chosen: Mapping[str, str], region: str) -> dict[str, str]:
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


def _packaged(root: Path, folder: str) -> Package:
    with spinner("building the layers (about a minute)"):
        packaged = package(root, Path(folder))
    if not packaged.is_compiled:
        stderr.print(
            "There is no Python 3.13, so the modules are not compiled for Lambda: every cold start takes half a second "
            "longer. Install it as python3.13 and deploy again to change this.",
            style="yellow",
            soft_wrap=True,
        )
    return packaged


def _show_package(
    packaged: Package, stack: str, bucket: str | None, values: Mapping[str, str], chosen: Mapping[str, str]
) -> None:
    where = bucket or Artifacts.default_name("ACCOUNT", "REGION")
    text = packaged.template(where)
    kinds = Counter(resource["Type"] for resource in packaged.source["Resources"].values())
    stderr.print(
        f"Dry run: nothing of AWS was called. A deploy of stack {stack} would send to bucket {where}:", soft_wrap=True
    )
    show_facts(
        {
            **{name: f"{archive.size:,} bytes" for name, archive in packaged.archives.items()},
            "template": f"{counted(len(text), 'byte')}, {counted(kinds.total(), 'resource')}",
            **{f"parameter {name}": value for name, value in chosen.items()},
        }
    )
    stderr.print(_instances(values), soft_wrap=True)


def _send(root: Path, folder: str, session: boto3.Session, account: str, bucket: str | None) -> tuple[str, str]:
    """Build the code, and upload what the bucket doesn't have; the template, and where it is."""
    name = bucket or Artifacts.default_name(account, session.region_name)
    artifacts = Artifacts(make_client(session, "s3"), account, name)
    # Before minutes of work that would be in vain.
    is_there = artifacts.exists()
    if bucket and not is_there:
        raise UserError(f"there is no bucket {bucket}: create it, or leave out --artifacts-bucket")
    packaged = _packaged(root, folder)
    if not is_there:
        artifacts.create()
    if not bucket:
        artifacts.protect()
    for resource, archive in packaged.archives.items():
        if not artifacts.holds(archive.key):
            with bytes_bar(resource, archive.size) as on_bytes:
                artifacts.send(archive.file, archive.key, on_bytes)
    text = packaged.template(name)
    return text, artifacts.put(text, template_key(text))


def _show_changes(change_set: ChangeSet, values: Mapping[str, str]) -> None:
    for change in change_set.changes:
        stderr.print(f"{change.what:<12} {change.type:<45} {change.name}", soft_wrap=True)
    counts = Counter(change.what for change in change_set.changes)
    stderr.print("\nResources: " + ", ".join(f"{number} to {what}" for what, number in counts.items()))
    stderr.print(_instances(values), soft_wrap=True)


def _instances(values: Mapping[str, str]) -> str:
    """What costs most."""
    if values["EndpointName"]:
        return f"The stack uses the endpoint {values['EndpointName']}, whose instances it does not create."
    dollars = instance_dollars(values["InstanceType"], _HOUR)
    price = "" if dollars is None else f" about ${dollars:.2f} an hour for each while it runs (us-east-1),"
    return (
        f"What costs most is the endpoint: {values['MinInstances']} to {values['MaxInstances']} instances of type "
        f"{values['InstanceType']},{price} of which a new endpoint starts one."
    )


def _ask_whether_to_go_on(change_set: ChangeSet, *, is_agreed: bool) -> None:
    if is_agreed:
        return
    with ExitStack() as undone:
        undone.callback(change_set.discard)
        if not click.confirm("Deploy?", err=True):
            raise UserError("nothing was deployed")
        undone.pop_all()


def _follow(change_set: ChangeSet, stack: str) -> None:
    """Execute the changes, and show what has become of each resource."""
    change_set.execute()
    told: list[Event] = []
    try:
        with spinner("CloudFormation is at work (ten minutes for a new endpoint)"):
            for event in change_set.events():
                told.append(event)
                if event.is_over:
                    words = f"{event.status:<24} {event.type:<45} {event.name} {event.reason}"
                    stderr.print(words.rstrip(), style="red" if event.status.endswith("FAILED") else "", soft_wrap=True)
    except (KeyboardInterrupt, ClientError, BotoCoreError):
        stderr.print("The deploy goes on in AWS: look at the stack's events before you repeat it.")
        raise
    if error := changes.failure(stack, told):
        raise error
