"""Options of a job: defaults, overridden by the metadata of its file."""

import pytest

from fanfold_core.domain.errors import SettingError, UnknownOptionError
from fanfold_core.domain.options import OPTIONS, Options
from fanfold_core.domain.options.row import spell
from fanfold_core.input.errors import OptionError

OPTION_NAMES = {row.name: row.field for row in OPTIONS.values()}


def test_metadata_overrides_what_it_names_and_leaves_the_rest() -> None:
    metadata = {"input-column": "caf%C3%A9%20latte", "rows-per-request": "64", "delimiter": "tab", "x-mtime": "17"}
    chosen = Options(header="present").overridden(metadata)
    assert (chosen.input_column, chosen.rows_per_request, chosen.delimiter) == ("café latte", 64, "\t")
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
        ("labels", '["negative"]', "a JSON object of texts"),
        ("labels", '{"LABEL_0": 0}', "a JSON object of texts"),
        ("labels", '{"LABEL_0": " "}', "a JSON object of texts"),
        ("labels", "LABEL_0=negative", "a JSON object of texts"),
        ("max-attempts", "٣", "a number from 1 to 20"),
        ("invocation-timeout-seconds", "0", "a number from 1 to 3600"),
        ("invocation-timeout-seconds", "3601", "a number from 1 to 3600"),
        ("max-dollars", "-1", "a number of dollars"),
        ("max-dollars", "0.125", "a number of dollars"),
        ("max-dollars", "1e3", "a number of dollars"),
        ("max-dollars", "٣", "a number of dollars"),
        ("delimiter", "\n", "one ASCII character, but not a line end or NUL"),
        ("quote", ",", "different from the delimiter"),
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


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("rows-per-request", "31", "32 or more, since this stack has RowsPerRequest=32 and CostlierOptions=refuse"),
        ("max-attempts", "4", "3 or less, since this stack has MaxAttempts=3 and CostlierOptions=refuse"),
    ],
)
def test_what_costs_more_than_the_stacks_value_is_refused_unless_the_stack_allows_it(
    option: str, value: str, words: str
) -> None:
    refused = f"option {option} is '{value}'; it must be {words}"
    with pytest.raises(OptionError, match=f"^{refused}$"):
        Options().overridden({option: value})
    with pytest.raises(OptionError, match=f"^{refused}$"):
        Options.of_stack({"CostlierOptions": "refuse", "RowsPerRequest": "32"}, {option: value})
    allowed = Options().overridden({option: value}, allows_costlier=True)
    assert str(getattr(allowed, OPTION_NAMES[option])) == value
    for parameters in ({"CostlierOptions": "allow"}, {}):
        assert Options.of_stack(parameters, {option: value}) == allowed


@pytest.mark.parametrize(("option", "values"), [("rows-per-request", "32 33 1000"), ("max-attempts", "3 2 1")])
def test_what_costs_no_more_than_the_stacks_value_may_always_be_chosen(option: str, values: str) -> None:
    for value in values.split():
        assert str(getattr(Options().overridden({option: value}), OPTION_NAMES[option])) == value


def test_a_long_value_is_cut_in_the_error() -> None:
    with pytest.raises(OptionError) as caught:
        Options().overridden({"parameters": "[" * 2_000})
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("name", OPTIONS)
def test_every_default_is_a_value_that_its_option_may_have(name: str) -> None:
    row = OPTIONS[name]
    assert row.parse(spell(row.default)) == row.default


CHOSEN = Options(delimiter="\t", rows_per_request=8, input_column="2", guard_formulas=True)


def test_options_come_back_from_the_ledger_as_they_were_stored() -> None:
    assert Options.restored(CHOSEN.stored()) == CHOSEN
    assert CHOSEN.stored()["guard_formulas"] == "yes", "which older versions read"


def test_options_that_an_older_version_did_not_know_have_their_defaults() -> None:
    stored = CHOSEN.stored()
    del stored["guard_formulas"]
    assert Options.restored(stored) == Options(delimiter="\t", rows_per_request=8, input_column="2")


def test_an_option_of_a_newer_version_is_refused() -> None:
    with pytest.raises(UnknownOptionError, match="the option to-come, which this version"):
        Options.restored({**CHOSEN.stored(), "to_come": "yes"})


def environment() -> dict[str, str]:
    return {row.variable: spell(row.default) for row in OPTIONS.values() if row.parameter}


def test_a_stacks_options_are_in_the_environment_spelt_as_in_metadata() -> None:
    environ = {**environment(), "DELIMITER": "tab", "ROWS_PER_REQUEST": "8", "GUARD_FORMULAS": "yes"}
    assert Options.from_environment(environ) == Options(delimiter="\t", rows_per_request=8, guard_formulas=True)


def test_an_environment_that_the_template_did_not_write_is_refused_by_its_variable() -> None:
    with pytest.raises(SettingError, match="MODEL_PARAMETERS is not set"):
        Options.from_environment({name: text for name, text in environment().items() if name != "MODEL_PARAMETERS"})
    with pytest.raises(SettingError, match="ROWS_PER_REQUEST is 'many', not a number from 1 to 1000"):
        Options.from_environment({**environment(), "ROWS_PER_REQUEST": "many"})


def test_a_stacks_text_that_no_option_may_have_ends_its_jobs_and_not_its_functions() -> None:
    options = Options.from_environment({**environment(), "INPUT_EXPRESSION": "{text: "})
    with pytest.raises(OptionError, match="option input-expression is"):
        options.overridden({})
    assert options.overridden({"input-expression": ""}) == Options()
