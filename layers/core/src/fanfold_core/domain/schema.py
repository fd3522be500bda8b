"""Response schemas: what a row's result must look like, as a JSON Schema (Draft 2020-12).

Who uploads a file may write one, and it is applied in functions that others share. So its keywords are those whose time
is bounded by the sizes of schema and answer: no regular expressions, no comparison of all elements with each other, no
recursion. A `$ref` leads to the schema's own `$defs`, and nothing is ever fetched.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from fanfold_core.domain.errors import MalformedAnswerError
from fanfold_core.input.errors import OptionError, counted, shortened, shown
from fanfold_core.input.json.text import read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

WANTED = 'a JSON Schema such as {"type": "object", "required": ["label"]}'
_DRAFT = "https://json-schema.org/draft/2020-12/schema"
# Keywords by what they hold: a schema, a list of schemas, schemas by name, or something else.
_ONE = {"additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then"}
_LIST = {"allOf", "anyOf", "oneOf", "prefixItems"}
_NAMED = {"dependentSchemas", "properties"}
_PLAIN = {
    *("const", "dependentRequired", "enum", "exclusiveMaximum", "exclusiveMinimum", "maxContains", "maxItems"),
    *("maxLength", "maxProperties", "maximum", "minContains", "minItems", "minLength", "minProperties", "minimum"),
    *("multipleOf", "required", "type"),
}
# They say nothing about an answer that is checked here; a `format` may guide a language model.
_ANNOTATIONS = {"$comment", "default", "deprecated", "description", "examples", "format", "readOnly", "title"}
_OF_THE_WHOLE = {"$defs", "$schema"}
_REFERENCE = re.compile(r"#/\$defs/([A-Za-z0-9_.-]+)")
# How deep schemas may stand in each other, and how many keywords and values there may be, with each `$ref` written out.
_MOST_LEVELS = 16
_MOST_KEYWORDS = 1_000
# How often keywords may be applied to values of a request's results, which takes half a second. And how many keywords
# and values times characters there may be, since the error of each keyword quotes the value until it is thrown away.
_MOST_STEPS = 100_000
_MOST_WORK = 20_000_000
# Characters of what a schema wants, or what is wrong with it, that an error shows.
_MOST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class ResponseSchema:
    """What each row's result must match.

    `size` is how many keywords and values it has, `names` those of the properties that it knows.
    """

    validator: Validator
    size: int
    names: frozenset[str]

    def violations(self, results: Iterable[Any], text: str) -> Mapping[int, MalformedAnswerError]:
        """What is wrong with results that don't match, by their numbers; all together are `text` as JSON.

        `MalformedAnswerError` if they take too long to check.

        >>> schema = parse_schema("response-schema", '{"properties": {"score": {"maximum": 1}}}')
        >>> print(schema.violations([{"score": 1}, {"score": 7}], '[{"score":1},{"score":7}]')[1])
        the model's answer does not match response-schema: $.score must match {"maximum":1}
        """
        before = _left.set(_MOST_STEPS if len(text) * self.size <= _MOST_WORK else 0)
        try:
            found = {number: self._violation(result) for number, result in enumerate(results)}
        except _TooLongError as error:
            raise MalformedAnswerError(
                f"the model's answer of {counted(len(text), 'character')} takes too long to check with "
                f"response-schema, which has {self.size} keywords and values",
                MalformedAnswerError.beginning(text),
            ) from error
        finally:
            _left.reset(before)
        return {number: error for number, error in found.items() if error}

    def _violation(self, result: Any) -> MalformedAnswerError | None:
        try:
            error = next(iter(self.validator.iter_errors(result)), None)
        except OverflowError:  # of multipleOf
            words = "the model's answer has a number that is too large for response-schema"
            return MalformedAnswerError(words, MalformedAnswerError.beginning(write_json(result)))
        if error is None:
            return None
        return MalformedAnswerError(
            f"the model's answer does not match response-schema: {self._place(error.absolute_path)} {_rule(error)}",
            MalformedAnswerError.beginning(write_json(result)),
        )

    def _place(self, path: Iterable[str | int]) -> str:
        """A place in the answer. A name that the schema doesn't know is the model's own, which no message quotes."""
        steps = (f"[{step}]" if isinstance(step, int) else f".{step if step in self.names else '*'}" for step in path)
        return f"${''.join(steps)}"


def _rule(error: ValidationError) -> str:
    """What the schema wants at the place of an error."""
    if not error.validator:
        return "has a value whose schema is false"
    wanted: Any = error.validator_value
    if error.validator == "required":
        missing: Any = error.instance
        wanted = [name for name in wanted if name not in missing]
    return f"must match {shortened(write_json({error.validator: wanted}), _MOST_SHOWN)}"


def parse_schema(option: str, text: str) -> ResponseSchema | None:
    """The schema in an option, None if the option is empty; `OptionError` if it is none, or takes too long to check."""
    return _parse(option, text) if text else None


@lru_cache(maxsize=16)
def _parse(option: str, text: str) -> ResponseSchema:
    try:
        schema = read_json(text)
    except ValueError as error:
        raise OptionError(option, text, f"{WANTED} ({error})") from error
    if not isinstance(schema, dict):
        raise OptionError(option, text, WANTED)
    try:
        measured = _Measured(_definitions(schema))
        measured.add(schema, "$", ())
        for name, definition in measured.definitions.items():
            # Also what nothing refers to: the validator looks into it.
            measured.add(definition, f"$.$defs.{name}", (name,))
        validator = _validator(schema)
    except _UnfitError as error:
        raise OptionError(option, text, str(error)) from error
    return ResponseSchema(validator, measured.size, frozenset(measured.names))


class _UnfitError(Exception):
    """Something in a schema that it may not have. Do not retry: mend the option."""


class _TooLongError(Exception):
    """Results take more steps to check than there are. Do not retry with as many rows."""


# Steps that are left for the results that are being checked.
_left: ContextVar[int] = ContextVar("left")


def _definitions(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    definitions = schema.get("$defs", {})
    if not isinstance(definitions, dict):
        raise _UnfitError(f"{WANTED}, whose $defs are an object of schemas")
    draft = schema.get("$schema", _DRAFT)
    if not (isinstance(draft, str) and draft.removesuffix("#") == _DRAFT):
        raise _UnfitError(f"a JSON Schema of Draft 2020-12, whose $schema, if it has one, is {_DRAFT}")
    return definitions


@dataclass(slots=True)
class _Measured:
    """Counts keywords and values of a schema, and what it refers to, and refuses what may not be there."""

    definitions: Mapping[str, Any]
    size: int = 0
    names: set[str] = field(default_factory=set)

    def add(self, schema: Any, place: str, opened: tuple[str, ...], level: int = 1) -> None:
        """Count a schema at a place, in the definitions that have been `opened` on the way there."""
        place = shortened(place, _MOST_SHOWN)
        self._count(1)
        if level > _MOST_LEVELS:
            raise _UnfitError(f"a JSON Schema of at most {_MOST_LEVELS} levels, with each $ref written out")
        if not isinstance(schema, dict):
            return  # true, false, or what the standard doesn't allow
        for keyword, value in schema.items():
            if keyword == "$ref":
                self._follow(value, place, opened, level)
            elif keyword in _OF_THE_WHOLE and place == "$":
                continue
            elif keyword in _ONE | _LIST | _NAMED:
                for inner, found in _inner(keyword, value, f"{place}.{keyword}"):
                    self.add(found, inner, opened, level + 1)
                self.names |= value.keys() if keyword == "properties" and isinstance(value, dict) else set()
            elif keyword in _PLAIN:
                self._count(1 + (len(value) if isinstance(value, list | dict) else 0))
            elif keyword not in _ANNOTATIONS:
                known = ", ".join(sorted({"$ref", *_ONE, *_LIST, *_NAMED, *_PLAIN}))
                raise _UnfitError(f"a JSON Schema without {shown([keyword])} (at {place}), of these keywords: {known}")

    def _follow(self, reference: Any, place: str, opened: tuple[str, ...], level: int) -> None:
        match = _REFERENCE.fullmatch(reference) if isinstance(reference, str) else None
        if not match or match[1] not in self.definitions:
            raise _UnfitError(f'a JSON Schema whose $ref (at {place}) is "#/$defs/" with a name that its $defs have')
        if match[1] in opened:
            raise _UnfitError(f"a JSON Schema whose $ref (at {place}) does not lead back to itself")
        self.add(self.definitions[match[1]], f"$.$defs.{match[1]}", (*opened, match[1]), level + 1)

    def _count(self, number: int) -> None:
        self.size += number
        if self.size > _MOST_KEYWORDS:
            raise _UnfitError(
                f"a JSON Schema of at most {_MOST_KEYWORDS:,} keywords and values, with each $ref written out"
            )


def _inner(keyword: str, value: Any, place: str) -> Iterator[tuple[str, Any]]:
    """The schemas that a keyword holds, with their places."""
    if keyword in _ONE:
        yield place, value
    elif keyword in _LIST and isinstance(value, list):
        yield from ((f"{place}[{number}]", found) for number, found in enumerate(value))
    elif keyword in _NAMED and isinstance(value, dict):
        yield from ((f"{place}.{name}", found) for name, found in value.items())


def _validator(schema: Mapping[str, Any]) -> Validator:
    # No cold start but that of a job with such an option waits for it.
    from jsonschema.validators import Draft202012Validator, extend  # noqa: PLC0415
    from referencing import Registry  # noqa: PLC0415

    error = next(Draft202012Validator(Draft202012Validator.META_SCHEMA).iter_errors(schema), None)
    if error is not None:
        place, words = (shortened(text, _MOST_SHOWN) for text in (error.json_path, error.message))
        raise _UnfitError(f"a JSON Schema: at {place}, {words}")
    counted = {name: _counted(name, apply) for name, apply in Draft202012Validator.VALIDATORS.items()}
    # A schema that names its draft is applied by the class of that name.
    anonymous = {keyword: value for keyword, value in schema.items() if keyword != "$schema"}
    applied = extend(Draft202012Validator, counted)  # type: ignore[no-untyped-call]
    made: Validator = applied(anonymous, registry=Registry())
    return made


def _counted(name: str, apply: Callable[..., Any]) -> Callable[..., Any]:
    """A keyword that takes its steps from those that are left."""
    sees_members = name in _ONE

    def keyword(validator: Validator, value: Any, instance: Any, schema: Mapping[str, Any]) -> Any:
        steps = len(value) if isinstance(value, list | dict) else 0
        steps += len(instance) if sees_members and isinstance(instance, list | dict) else 1
        left = _left.get() - steps
        _left.set(left)
        if left < 0:
            raise _TooLongError
        return apply(validator, value, instance, schema)

    return keyword
