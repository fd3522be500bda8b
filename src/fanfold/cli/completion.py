"""`fanfold completion`: what a shell needs to complete commands and options."""

import click
from click.shell_completion import get_completion_class

_VARIABLE = "_FANFOLD_COMPLETE"


@click.command(short_help="Print what completes commands in a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what makes SHELL complete commands, options and their values.

    \b
    fanfold completion bash > ~/.local/share/bash-completion/completions/fanfold
    fanfold completion zsh > "${fpath[1]}/_fanfold"
    fanfold completion fish > ~/.config/fish/completions/fanfold.fish
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"click knows no completion for {shell}")
    click.echo(kind(context.find_root().command, {}, "fanfold", _VARIABLE).source())
