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

from fanfold.cli import dialogue, options
from fanfold.cli.output import echo, show_facts
from fanfold.deploying import changes, container, parameters
from fanfold.deploying.artifacts import Artifacts
from fanfold.deploying.changes import ChangeSet
from fanfold.deploying.existing import find_defaults, find_existing
from fanfold.deploying.package import package, template_key
from fanfold.errors import StackError, UserError, room_for
from fanfold.project import find_root
from fanfold.stacks import make_client, refused_words
from fanfold.terminal import bytes_bar, spinner, stderr
from fanfold_core.input.errors import counted
from localaws import template

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fanfold.deploying.changes import Event
    from fanfold.deploying.package import Package


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
@options.tags
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
    tags: dict[str, str],
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
    most important ones are asked for. docs/options.md lists all. If the Hub can be asked, HfRevision becomes the commit
    of the model: the latest, or that of a branch or tag (HF_TOKEN is for private models). The tag fanfold, with the
    stack's name, is the stack's and its resources', so that bills can be told apart; add others with --tag.

    \b
    fanfold deploy
    fanfold deploy --parameter InstanceType=ml.m5.xlarge --parameter AlarmEmail=you@example.com
    fanfold deploy --stack tweets --region eu-central-1 --tag team=nlp --yes
    fanfold deploy --dry-run
    fanfold deploy --package fanfold.json    # for CDK, Terraform, and others that deploy templates
    """
    if template_file is not None and (is_dry or chosen or tags):
        raise click.UsageError("--package deploys nothing: it cannot be combined with --dry-run, --parameter or --tag")
    if not (is_dry or is_agreed or template_file or sys.stdin.isatty()):
        raise click.UsageError("there is no terminal to ask whether to go on: add --yes")
    root = find_root()
    source = template.read(root)
    with TemporaryDirectory() as folder:
        if is_dry:
            source = container.filled(source, chosen)
            values = parameters.checked(source, chosen, {}, region or template.REGION)
            _show_package(_packaged(source, root, folder), stack, bucket, values, chosen, tags)
            return
        session, account = _identify(stack, region, profile)
        name = bucket or Artifacts.default_name(account, session.region_name)
        artifacts = Artifacts(make_client(session, "s3"), account, name)
        if template_file is not None:
            text, url = _send(source, root, folder, artifacts, is_named=bool(bucket))
            _write(text, template_file)
            echo(url)
            return
        existing = find_existing(session, stack)
        before = existing.parameters if existing else {}
        source = container.filled(source, {**before, **chosen})
        if existing is None and not is_agreed:
            chosen = dialogue.ask(source, chosen, session.region_name)
        chosen = parameters.without_stale_revision(chosen, before)
        values = parameters.checked(source, chosen, before, session.region_name)
        dialogue.say_what_is_cut_short(values)
        chosen |= dialogue.pinned(values)
        if gone := parameters.dropped(source, before):
            dialogue.say_what_is_gone(gone, find_defaults(session, stack))
        _, url = _send(source, root, folder, artifacts, is_named=bool(bucket))
    with spinner("asking CloudFormation what would change"):
        sent = parameters.as_sent(source, chosen, before)
        stands = parameters.tags_as_sent(stack, tags, existing.tags if existing else {})
        change_set = ChangeSet.create(session, stack, url, sent, stands, is_new=existing is None)
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


def _write(text: str, file: Path) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {file} ({error.strerror}): free some space, or choose another file") from error


def _packaged(source: Mapping[str, Any], root: Path, folder: str) -> Package:
    with room_for("the functions' code"), spinner("building the layers (about a minute)"):
        packaged = package(source, root, Path(folder))
    if not packaged.is_compiled:
        stderr.print(
            "There is no Python 3.13, so the modules are not compiled for Lambda: every cold start takes half a second "
            "longer. Install it as python3.13 and deploy again to change this.",
            style="yellow",
            soft_wrap=True,
        )
    return packaged


def _show_package(
    packaged: Package,
    stack: str,
    bucket: str | None,
    values: Mapping[str, str],
    chosen: Mapping[str, str],
    tags: Mapping[str, str],
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
            **{f"tag {name}": value for name, value in tags.items()},
        }
    )
    stderr.print(dialogue.instances(values), soft_wrap=True)


def _send(
    source: Mapping[str, Any], root: Path, folder: str, artifacts: Artifacts, *, is_named: bool
) -> tuple[str, str]:
    """Build the code, and upload what the bucket doesn't have; the template, and where it is."""
    # Before minutes of work that would be in vain.
    is_there = artifacts.exists()
    if is_named and not is_there:
        raise UserError(f"there is no bucket {artifacts.bucket}: create it, or leave out --artifacts-bucket")
    packaged = _packaged(source, root, folder)
    if not is_there:
        artifacts.create()
    if not is_named:
        artifacts.protect()
    for resource, archive in packaged.archives.items():
        if not artifacts.holds(archive.key):
            with bytes_bar(resource, archive.size) as on_bytes:
                artifacts.send(archive.file, archive.key, on_bytes)
    text = packaged.template(artifacts.bucket)
    return text, artifacts.put(text, template_key(text))


def _show_changes(change_set: ChangeSet, values: Mapping[str, str]) -> None:
    for change in change_set.changes:
        stderr.print(f"{change.what:<12} {change.type:<45} {change.name}", soft_wrap=True)
    counts = Counter(change.what for change in change_set.changes)
    stderr.print("\nResources: " + ", ".join(f"{number} to {what}" for what, number in counts.items()))
    stderr.print(dialogue.instances(values), soft_wrap=True)


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
