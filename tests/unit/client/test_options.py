"""The client and the command line offer every option of the table, and no other."""

import inspect

import click
import pytest
from click.testing import CliRunner

from fanfold import Fanfold
from fanfold.cli import cli
from fanfold.uploads import metadata
from fanfold_core.domain.options import OPTIONS, Options


def test_help_of_the_client_has_every_option_with_its_meaning() -> None:
    taken = inspect.signature(Fanfold.submit).parameters
    assert list(taken) == ["self", "file", *OPTIONS]
    said = " ".join((Fanfold.submit.__doc__ or "").split())
    for row in OPTIONS.values():
        assert f"{row.field}: {row.help}" in said


def test_values_are_those_of_python_and_spelt_as_metadata() -> None:
    spelt = metadata(rows_per_request=8, parameters={"top_k": 1}, guard_formulas=False, delimiter="\t", header=None)
    assert Options(guard_formulas=True).overridden(spelt) == Options(
        rows_per_request=8, parameters='{"top_k": 1}', delimiter="\t"
    )


def test_a_name_that_is_no_option_is_refused_with_the_nearest() -> None:
    with pytest.raises(TypeError, match="unknown option row_per_request; did you mean rows_per_request"):
        metadata(row_per_request=8)
    with pytest.raises(TypeError, match=r"unknown option zzz$"):
        Fanfold("none").submit("a.csv", zzz=1)


@pytest.mark.parametrize("command", ["run", "submit", "estimate"])
def test_commands_that_read_a_file_take_every_option(command: str) -> None:
    found = {option.name: option for option in cli.commands[command].params if isinstance(option, click.Option)}
    for row in OPTIONS.values():
        assert f"--{row.name}" in found[row.field].opts
        assert found[row.field].help == row.help


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--parameters", "[1]"], "option `--parameters` is '[1]'; it must be a JSON object"),
        (["--input-expression", "{text: "], "it must be a JMESPath expression"),
        (["--encoding", "klingon"], "a text encoding that Python knows"),
        (["--rows-per-request", "0"], "1<=x<=1000"),
        (["--header", "maybe"], "'auto', 'present', 'absent'"),
    ],
)
def test_a_value_that_an_option_may_not_have_is_wrong_usage(given: list[str], words: str) -> None:
    answer = CliRunner().invoke(cli, ["run", __file__, "--dry-run", *given])
    assert answer.exit_code == 2
    assert words in answer.output
