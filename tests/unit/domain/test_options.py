"""Options of a job: defaults, overridden by the metadata of its file."""

import pytest

from fanfold_core.domain.options import Options
from fanfold_core.input.errors import OptionError


def test_metadata_overrides_what_it_names_and_leaves_the_rest() -> None:
    metadata = {"input-column": "caf%C3%A9%20latte", "rows-per-request": "16", "delimiter": "tab", "x-mtime": "17"}
    chosen = Options(header="present").overridden(metadata)
    assert (chosen.input_column, chosen.rows_per_request, chosen.delimiter) == ("café latte", 16, "\t")
    assert (chosen.header, chosen.encoding) == ("present", "utf-8")


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("rows-per-request", "0", "a number from 1 to 1000"),
        ("rows-per-request", "many", "a number from 1 to 1000"),
        ("rows-per-request", "-1", "a number from 1 to 1000"),
        ("rows-per-request", "²", "a number from 1 to 1000"),
        ("max-attempts", "21", "a number from 1 to 20"),
        ("request-ttl-seconds", "59", "a number from 60 to 21600"),
        ("header", "yes", "one of auto, present, absent"),
        ("parameters", "[1]", "a JSON object"),
        ("parameters", "{", "a JSON object"),
        ("parameters", '{"top_k": NaN}', "a JSON object"),
        ("parameters", '{"text": "\\ud800"}', "a JSON object"),
        pytest.param("parameters", "[" * 2_000, "a JSON object", id="deep"),
        ("max-attempts", "٣", "a number from 1 to 20"),
        ("delimiter", "\n", "one ASCII character, and neither a line end nor NUL"),
        ("quote", ",", "another character than the delimiter"),
        ("guard-formulas", "maybe", "one of yes, no"),
        ("input-expression", "{text: ", "a JMESPath expression"),
        ("payload-expression", "nonsense(inputs)))", "a JMESPath expression"),
        ("result-expression", "[", "a JMESPath expression"),
        ("encoding", "base64", "a text encoding that Python knows"),
    ],
)
def test_a_value_that_none_may_have_is_refused_by_its_option(option: str, value: str, words: str) -> None:
    with pytest.raises(OptionError, match=rf"option {option} is .*{words}"):
        Options().overridden({option: value})


@pytest.mark.parametrize(
    ("option", "value"), [("delimiter", ""), ("delimiter", "ab"), ("delimiter", '"'), ("encoding", "klingon")]
)
def test_a_dialect_that_no_file_has_is_refused(option: str, value: str) -> None:
    with pytest.raises(OptionError, match=option):
        Options().overridden({option: value})
