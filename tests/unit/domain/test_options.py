"""Options of a job: defaults, overridden by the metadata of its file."""

import json
from typing import Any

import pytest

from fanfold_core.domain.errors import UnknownOptionError
from fanfold_core.domain.options import OPTIONS, Options
from fanfold_core.domain.options.row import spell
from fanfold_core.input.errors import JobDefaultsError, OptionError

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
        ("delimiter", "\n", 'one ASCII character, or "tab", but not a line end or NUL'),
        ("quote", ",", "different from the delimiter"),
        ("guard-formulas", "maybe", "one of yes, no"),
        ("input-expression", "{text: ", "a JMESPath expression"),
        ("payload-expression", "nonsense(inputs)))", "a JMESPath expression"),
        ("result-expression", "[", "a JMESPath expression"),
        ("input-expression", "nofunc(text)", r"a JMESPath expression \(there is no function nofunc\(\)\)"),
        ("prompt", "Classify this.", "a text with at least one column's name in braces"),
        ("prompt", "Classify {title} as {", "a text with at least one column's name in braces"),
        ("prompt", "Classify {title} as {}", "a text with at least one column's name in braces"),
        ("prompt", "Classify {{title}}", "a text with at least one column's name in braces"),
        ("prompt", "{title}" * 9, "a text that names each column at most 8 times"),
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
        (
            "rows-per-request",
            "31",
            "32 or more, since this stack has rows-per-request=32 by default and CostlierOptions=refuse",
        ),
        ("max-attempts", "4", "3 or less, since this stack has max-attempts=3 by default and CostlierOptions=refuse"),
    ],
)
def test_what_costs_more_than_the_stacks_value_is_refused_unless_the_stack_allows_it(
    option: str, value: str, words: str
) -> None:
    refused = f"option {option} is '{value}'; it must be {words}"
    with pytest.raises(OptionError, match=f"^{refused}$"):
        Options().overridden({option: value})
    with pytest.raises(OptionError, match=f"^{refused}$"):
        Options.of_stack({"CostlierOptions": "refuse", "JobDefaults": '{"rows-per-request": 32}'}, {option: value})
    allowed = Options().overridden({option: value}, allows_costlier=True)
    assert str(getattr(allowed, OPTION_NAMES[option])) == value
    for parameters in ({"CostlierOptions": "allow"}, {}):
        assert Options.of_stack(parameters, {option: value}) == allowed


@pytest.mark.parametrize("asked", ["10", "5.01", "0", ""])
def test_a_file_may_not_spend_more_than_its_stack_allows(asked: str) -> None:
    stack = Options(max_dollars="5")
    assert stack.overridden({"max-dollars": asked}, allows_costlier=True).max_dollars == asked
    with pytest.raises(OptionError, match="5 or less, since this stack has max-dollars=5 in JobDefaults"):
        stack.overridden({"max-dollars": asked})


@pytest.mark.parametrize(("of_stack", "asked"), [("5", "5.00"), ("10", "9"), ("", "9"), ("0", "")])
def test_a_file_may_limit_what_it_spends(of_stack: str, asked: str) -> None:
    assert Options(max_dollars=of_stack).overridden({"max-dollars": asked}).max_dollars == asked


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


def test_a_stack_has_defaults_of_its_own_for_any_option() -> None:
    text = '{"delimiter": "tab", "skip-rows": 2, "guard-formulas": true, "bom": "yes", "parameters": {"top_k": 1}, '
    text += '"input-column": 0, "rows-per-request": "64"}'
    assert Options.defaults(text) == Options(
        delimiter="\t",
        skip_rows=2,
        guard_formulas=True,
        bom="yes",
        parameters='{"top_k": 1}',
        input_column="0",
        rows_per_request=64,
    )
    assert Options.defaults(" {} ") == Options()


@pytest.mark.parametrize("name", OPTIONS)
def test_every_default_of_the_table_may_be_that_of_a_stack(name: str) -> None:
    row = OPTIONS[name]
    assert Options.defaults(json.dumps({row.name: row.default})) == Options()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is ''; it must be a JSON object"),
        ("[]", r"it is '\[\]'; it must be a JSON object from options to values"),
        ('{"a": NaN}', "it must be a JSON object"),
        ('{"rows_per_request": 8}', "'rows_per_request' is no option; did you mean rows-per-request?"),
        ('{"rows-per-request": "many"}', "option rows-per-request is 'many'; it must be a number from 1 to 1000"),
        ('{"rows-per-request": 0}', "option rows-per-request is '0'; it must be a number from 1 to 1000"),
        ('{"rows-per-request": 64.0}', "option rows-per-request is '64.0'; it must be a number from 1 to 1000"),
        ('{"request-ttl-seconds": 899}', "option request-ttl-seconds is '899'; it must be a number from 900 to 21600"),
        ('{"input-column": null}', "option input-column is 'null'; it must be a column's name or index"),
        ('{"input-column": true}', "option input-column is 'true'; it must be a column's name or index"),
        ('{"max-attempts": true}', "option max-attempts is 'true'; it must be a number from 1 to 20"),
        ('{"delimiter": 5}', "option delimiter is '5'; it must be one ASCII character"),
        ('{"input-column": {"a": 1}}', "option input-column is .*; it must be a column's name or index"),
        ('{"parameters": 1}', "option parameters is '1'; it must be a JSON object"),
        ('{"input-expression": "{text: "}', "option input-expression is .*; it must be a JMESPath expression"),
        ('{"quote": ","}', "different from the delimiter"),
        ('{"prompt": "Classify this."}', "option prompt is .*; it must be a text with at least one column's name"),
        ('{"prompt": "{a}", "input-expression": "a"}', "option prompt is .*empty where there is an input-expression"),
        ('{"prompt": "{a}", "rows-per-request": 2}', "option rows-per-request is '2'; it must be 1"),
    ],
)
def test_defaults_that_no_stack_may_have_are_refused_by_parameter_and_option(text: str, words: str) -> None:
    with pytest.raises(JobDefaultsError, match=f"^the stack's parameter JobDefaults: .*{words}"):
        Options.defaults(text)


def test_a_file_may_have_a_shorter_time_to_live_than_a_stack() -> None:
    assert Options.of_stack({"JobDefaults": "{}"}, {"request-ttl-seconds": "60"}).request_ttl_seconds == 60


def test_what_costs_more_is_compared_with_the_stacks_own_default() -> None:
    parameters = {"CostlierOptions": "refuse", "JobDefaults": '{"rows-per-request": 64}'}
    words = "it must be 64 or more, since this stack has rows-per-request=64 in JobDefaults and CostlierOptions=refuse"
    with pytest.raises(OptionError, match=words):
        Options.of_stack(parameters, {"rows-per-request": "63"})
    assert Options.of_stack(parameters, {"rows-per-request": "65"}).rows_per_request == 65


OF_THE_HUB = {"HfModelId": "owner/name", "HfTask": "text-classification", "EndpointName": "", "ModelDataUrl": ""}


@pytest.mark.parametrize(
    ("parameters", "batch_size"),
    [
        ({}, 16),
        ({"HfTask": "sentiment-analysis"}, 16),
        # Vectors of padding would stand among those of the texts.
        ({"HfTask": "feature-extraction"}, None),
        # Code of their own takes what nobody here knows.
        ({"ModelDataUrl": "s3://models/own.tar.gz"}, None),
        ({"EndpointName": "own"}, None),
        ({"ContainerImage": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/huggingface-pytorch-inference:2"}, 16),
        # A folder, a function or VADER in a local cloud.
        ({"HfModelId": "sentiment"}, None),
    ],
)
def test_texts_are_classified_in_batches_where_the_hub_s_model_runs_in_the_stock_container(
    parameters: dict[str, str], batch_size: int | None
) -> None:
    given = json.loads(Options.of_stack({**OF_THE_HUB, **parameters}, {}).parameters)
    assert (given.pop("batch_size", None), given) == (batch_size, {"truncation": True, "max_length": 512})


@pytest.mark.parametrize(
    ("task", "parameters"),
    [
        *((task, {}) for task in ("token-classification", "ner", "fill-mask", "text-generation")),
        ("summarization", {"truncation": True}),
        ("translation_en_to_de", {"truncation": True}),
        ("zero-shot-classification", {"truncation": True, "max_length": 512}),
    ],
)
def test_a_task_gets_the_parameters_that_it_takes(task: str, parameters: dict[str, Any]) -> None:
    of_task = {**OF_THE_HUB, "HfTask": task}
    for where in ({"ModelDataUrl": "s3://models/own.tar.gz"}, {"EndpointName": "own"}):
        assert json.loads(Options.of_stack({**of_task, **where}, {}).parameters) == parameters
    assert Options.of_stack({**of_task, "ContainerImage": "own:1"}, {}).parameters == "{}", "nobody knows what it takes"
    assert Options.of_stack(of_task, {"prompt": "So {text}?"}).parameters == "{}"


def test_batches_are_a_default_that_a_stack_and_a_file_replace() -> None:
    own = {**OF_THE_HUB, "JobDefaults": '{"parameters": {"top_k": 1}}'}
    assert Options.of_stack(own, {}).parameters == '{"top_k": 1}'
    assert Options.of_stack(OF_THE_HUB, {"parameters": "{}"}).parameters == "{}"
    assert Options.of_stack(OF_THE_HUB, {"prompt": "So {text}?"}).parameters == "{}"


def test_a_chat_request_has_one_row_and_no_parameters_but_its_own() -> None:
    chosen = Options().overridden({"prompt": "So {text}?"}, allows_costlier=True)
    assert (chosen.rows_per_request, chosen.parameters) == (1, "{}")
    given = {"prompt": "So {text}?", "parameters": '{"max_tokens": 5}'}
    assert Options().overridden(given, allows_costlier=True).parameters == '{"max_tokens": 5}'
    of_stack = Options(parameters='{"model": "m"}').overridden({"prompt": "So {text}?"}, allows_costlier=True)
    assert of_stack.parameters == '{"model": "m"}'


def test_a_prompt_in_a_body_of_ones_own_leaves_the_other_options_alone() -> None:
    chosen = Options().overridden({"prompt": "So {text}?", "payload-expression": "{prompt: inputs}"})
    assert (chosen.rows_per_request, chosen.parameters) == (32, Options().parameters)
    assert chosen.result is None


def test_a_prompt_costs_as_many_requests_as_a_row_in_each() -> None:
    with pytest.raises(
        OptionError, match=r"prompt is .*each row alone, and this stack has CostlierOptions=refuse: for a la"
    ):
        Options().overridden({"prompt": "So {text}?"})
    chat = {"CostlierOptions": "refuse", "JobDefaults": '{"prompt": "So {text}?"}'}
    assert Options.of_stack(chat, {}).rows_per_request == 1, "as the stack itself has it"
    assert Options.of_stack(chat, {"prompt": "Really {text}?"}).rows_per_request == 1
    assert Options.of_stack(chat, {"prompt": ""}).rows_per_request == 32


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"input-expression": "text"}, "option prompt is .*empty where there is an input-expression"),
        ({"rows-per-request": "2"}, "option rows-per-request is '2'; it must be 1, since a prompt is one row's"),
        ({"parameters": '{"messages": "be kind"}'}, 'an object whose "messages" are a list'),
        ({"parameters": "[]"}, "a JSON object"),
    ],
)
def test_what_a_prompt_cannot_go_together_with_is_refused(options: dict[str, str], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        Options().overridden({"prompt": "So {text}?", **options}, allows_costlier=True)
