"""Response schemas: what a result must match, and which schemas are refused before any is."""

import json
import subprocess
import sys
from typing import Any

import pytest

from fanfold_core.domain.answers import Predictions, sift
from fanfold_core.domain.errors import MalformedAnswerError
from fanfold_core.domain.schema import ResponseSchema, parse_schema
from fanfold_core.domain.spans import Span
from fanfold_core.input.errors import OptionError
from fanfold_core.input.json.text import write_json

LABELLED: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Review",
    "type": "object",
    "properties": {
        "never": False,
        "label": {"enum": ["good", "bad"]},
        "score": {"$ref": "#/$defs/share", "description": "how sure"},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 3}},
    },
    "required": ["label", "score"],
    "additionalProperties": False,
    "$defs": {"share": {"anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, {"type": "null"}]}},
}


def schema(value: Any) -> ResponseSchema:
    found = parse_schema("response-schema", value if isinstance(value, str) else json.dumps(value))
    assert found
    return found


def check(of: Any, result: Any) -> None:
    for error in schema(of).violations([result], write_json(result)).values():
        raise error


def nested(levels: int, inner: str = "{}") -> str:
    return '{"not":' * levels + inner + "}" * levels


def test_results_that_match_pass() -> None:
    for result in ({"label": "good", "score": 0.5}, {"label": "bad", "score": None, "tags": ["a", "b"]}):
        check(LABELLED, result)


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ({"label": "ok", "score": 0.5}, '$.label must match {"enum":["good","bad"]}'),
        ({"label": "good"}, '$ must match {"required":["score"]}'),
        ({"label": "good", "score": 7}, '$.score must match {"anyOf":[{"type":"number","minimum":0,"maximum":1},'),
        ({"label": "good", "score": 1, "tags": ["a", "long"]}, '$.tags[1] must match {"maxLength":3}'),
        ({"label": "good", "score": 1, "Ann-Smith": 1}, '$ must match {"additionalProperties":false}'),
        ("Ann-Smith", '$ must match {"type":"object"}'),
        (None, '$ must match {"type":"object"}'),
        ({"label": "bad", "score": 1, "never": 1}, "$ has a value whose schema is false"),
    ],
)
def test_a_violation_says_where_it_is_and_what_was_wanted_and_quotes_the_answer_apart(result: Any, words: str) -> None:
    with pytest.raises(MalformedAnswerError) as caught:
        check(LABELLED, result)
    assert str(caught.value).startswith(f"the model's answer does not match response-schema: {words}")
    assert caught.value.quoted == f"the answer begins {write_json(result)}"
    assert "Ann" not in str(caught.value)


def test_a_name_that_only_the_model_knows_is_quoted_with_the_answer_only() -> None:
    with pytest.raises(MalformedAnswerError, match=r"\$\.\*\.a must match") as caught:
        check({"additionalProperties": {"properties": {"a": {"not": {}}}}}, {"Ann-Smith": {"a": 1}})
    assert "Ann" not in str(caught.value)
    assert "Ann" in caught.value.quoted


def test_a_long_answer_and_a_long_rule_are_cut() -> None:
    with pytest.raises(MalformedAnswerError) as caught:
        check({"enum": [f"label {number}" for number in range(100)]}, "x" * 900)
    assert len(caught.value.in_full) < 600


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "a JSON Schema such as"),
        ("{", "a JSON Schema such as"),
        ('{"maximum": NaN}', "NaN is no finite number"),
        pytest.param("[" * 2_000, "a JSON Schema such as", id="brackets"),
        ('{"type": "objekt"}', "at $.type, 'objekt' is not valid"),
        ('{"required": "label"}', "at $.required, 'label' is not of type 'array'"),
        ('{"properties": {"a": 5}}', "at $.properties.a, 5 is not of type"),
        ('{"multipleOf": 0}', "at $.multipleOf"),
        ('{"items": [{}]}', "at $.items"),
        ('{"requierd": ["label"]}', "without 'requierd' (at $), of these keywords: $ref, additionalProperties"),
        # Exponential time.
        ('{"items": {"pattern": "(a+)+$"}}', "without 'pattern' (at $.items)"),
        ('{"patternProperties": {"(a+)+$": {}}}', "without 'patternProperties' (at $)"),
        ('{"$defs": {"a": {"pattern": "(a+)+$"}}}', "without 'pattern' (at $.$defs.a)"),
        # All elements with all others, and all schemas again.
        ('{"uniqueItems": true}', "without 'uniqueItems'"),
        ('{"unevaluatedProperties": false}', "without 'unevaluatedProperties'"),
        ('{"unevaluatedItems": false}', "without 'unevaluatedItems'"),
        # What is elsewhere.
        ('{"$ref": "http://127.0.0.1:9/schema"}', 'whose $ref (at $) is "#/$defs/" with a name'),
        ('{"$ref": "file:///etc/passwd"}', 'whose $ref (at $) is "#/$defs/" with a name'),
        ('{"$ref": "#/$defs/a"}', 'whose $ref (at $) is "#/$defs/" with a name'),
        ('{"$ref": 5}', 'whose $ref (at $) is "#/$defs/" with a name'),
        ('{"$id": "http://127.0.0.1:9/", "$ref": "b"}', "without '$id'"),
        ('{"not": {"$schema": "http://127.0.0.1:9/"}}', "without '$schema' (at $.not)"),
        ('{"$schema": "http://json-schema.org/draft-07/schema#"}', "of Draft 2020-12"),
        ('{"$dynamicRef": "#a"}', "without '$dynamicRef'"),
        ('{"$anchor": "a"}', "without '$anchor'"),
        # Without end.
        ('{"$ref": "#"}', "$ref"),
        ('{"$defs": {"a": {"$ref": "#/$defs/a"}}}', "$ref (at $.$defs.a) does not lead back to itself"),
        (
            '{"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"not": {"$ref": "#/$defs/a"}}}, "$ref": "#/$defs/a"}',
            "$ref (at $.$defs.b.not) does not lead back to itself",
        ),
        (
            '{"$defs": {"a": {"properties": {"b": {"$ref": "#/$defs/a"}}}}, "$ref": "#/$defs/a"}',
            "$ref (at $.$defs.a.properties.b) does not lead back to itself",
        ),
        ('{"$defs": []}', "whose $defs are an object"),
        pytest.param(nested(16), "at most 16 levels", id="deep"),
        pytest.param(f'{{"enum":[{",".join("1" * 1_000)}]}}', "at most 1,000 keywords and values", id="large"),
    ],
)
def test_a_schema_that_is_none_or_takes_too_long_is_refused(text: str, words: str) -> None:
    with pytest.raises(OptionError) as caught:
        parse_schema("response-schema", text)
    assert str(caught.value).startswith("option response-schema is ")
    assert words in str(caught.value)


def test_definitions_that_multiply_at_each_step_are_refused() -> None:
    steps = {f"a{step}": {"allOf": [{"$ref": f"#/$defs/a{step + 1}"}] * 9} for step in range(7)}
    with pytest.raises(OptionError, match="at most 1,000 keywords and values, with each"):
        schema({"$defs": {**steps, "a7": {"type": "null"}}, "$ref": "#/$defs/a0"})


def test_a_reference_that_is_used_twice_is_no_circle() -> None:
    twice = {"$ref": "#/$defs/share"}
    of = {"$defs": LABELLED["$defs"], "properties": {"a": twice, "b": twice}}
    check(of, {"a": 1, "b": None})
    with pytest.raises(MalformedAnswerError, match=r"\$\.b must match"):
        check(of, {"a": 1, "b": 7})


@pytest.mark.parametrize(
    ("of", "result"),
    [
        ({"anyOf": [{"type": "null"}] * 450}, "x" * 1_000_000),
        ({"items": {"anyOf": [{"type": "null"}] * 450}}, [1] * 100_000),
        ({"items": {"enum": [[number] for number in range(400)]}}, [[1]] * 1_000),
        ({"additionalProperties": {"type": "string"}}, {str(number): "x" for number in range(120_000)}),
        ({"items": {}}, [1] * 120_000),
    ],
    ids=["text", "elements", "enum", "names", "any"],
)
def test_an_answer_that_would_take_long_to_check_is_refused(of: Any, result: Any) -> None:
    with pytest.raises(MalformedAnswerError, match=r"characters takes too long to check with response-schema"):
        check(of, result)


def test_long_answers_of_usual_schemas_are_checked() -> None:
    check(LABELLED, {"label": "good", "score": 1, "tags": ["a"] * 10_000})
    check({"properties": {"text": {"type": "string"}}}, {"text": "x" * 2_000_000})
    check({"items": {"type": "number"}}, [0.123456789] * 10_000)


def test_a_number_beyond_all_bounds_is_an_error_of_its_row() -> None:
    with pytest.raises(MalformedAnswerError, match="a number that is too large for response-schema"):
        check({"multipleOf": 0.5}, 10**400)


def test_of_several_results_those_that_match_are_kept_in_runs() -> None:
    results = [{"score": score} for score in (0, 1, 7, 1, 9)]
    runs, wrong = sift(Predictions(write_json(results), frozenset({"score"})), schema(LABELLED["$defs"]["share"]))
    assert (runs, list(wrong)) == ({}, [0, 1, 2, 3, 4])
    whole = Predictions(write_json(results), frozenset({"score"}))
    runs, wrong = sift(whole, schema({"properties": {"score": {"maximum": 1}}}))
    assert list(wrong) == [2, 4]
    assert {span: (found.results, found.is_whole) for span, found in runs.items()} == {
        Span(0, 2): ('[{"score":0},{"score":1}]', False),
        Span(3, 1): ('[{"score":1}]', False),
    }
    assert sift(whole, schema({})) == ({Span(0, 5): whole}, {})


def test_the_library_is_loaded_for_jobs_that_have_a_schema_only() -> None:
    code = (
        "import sys; from fanfold_core.domain.options import Options; "
        "options = Options(rows_per_request=1).overridden({'prompt': '{a}'}); "
        "options.payload, options.result, options.result_schema; "
        "assert not {'jsonschema', 'referencing', 'rpds'} & sys.modules.keys(); "
        "Options().overridden({'response-schema': '{}'}); assert 'jsonschema' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
