"""Files, options and models such as nobody should have, and somebody has."""

import csv
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st
from tests.pipeline import models
from tests.pipeline.models import CANARY

from localaws.endpoint.outcomes import Outcome, Response, expired

Mood = Callable[[bytes, Random], Outcome]
# An item of the ledger takes 400 KB.
LARGE = 450_000
HEADER = ("id", "text", "label")
# S3 takes 2 KB of metadata.
_MOST_METADATA = 1_900
# An error that quotes it whole has no place left to say what helps.
_LONG_NAME = "n" * 1_700


@dataclass(frozen=True)
class Upload:
    """A file as it is uploaded. `rows` are its cells, None where the bytes may say anything."""

    content: bytes
    rows: tuple[tuple[str, ...], ...] | None

    def __repr__(self) -> str:
        return f"Upload({self.content!r:.500}, {self.rows!r:.500})"


_CELLS = (
    st.text(max_size=8)
    | st.sampled_from(["", " ", "nan", "inf", "-inf", "1e999", "1" * 5_000, "=1+1", "poison", "poison 2", "[" * 2_000])
    | st.sampled_from([CANARY, f"{CANARY} " * 9, f"poison {CANARY}"])
    | st.sampled_from(['"', 'a "b" c', "two\nlines", "\r\n", "\x00", "\u2028", "\ufeff", "a,b;c\td", "\\", '\\"'])
)
_ROWS = st.lists(st.tuples(_CELLS, st.sampled_from(["", "own"])), max_size=8)
_RAW = st.binary(max_size=60) | st.lists(
    st.sampled_from(
        [
            *(b"text", b"id,text", b"\n", b"\r\n", b"\r", b",", b'"', b'""', b"\xff", b"\xe9", b"\x00", b"1", b"a"),
            *(CANARY.encode(), CANARY.encode() + b","),
        ]
    ),
    max_size=30,
).map(b"".join)


@st.composite
def uploads(draw: st.DrawFn) -> Upload:
    """Any file: mostly a CSV of known rows, whose `id` is the number of the row."""
    if draw(st.integers(0, 4)) == 0:
        return Upload(draw(_RAW), None)
    drawn = draw(_ROWS)
    rows: tuple[tuple[str, ...], ...] = tuple((str(number), *cells) for number, cells in enumerate(drawn))
    # One takes as long as twenty others.
    if rows and draw(st.integers(0, 39)) == 39:
        large = draw(st.sampled_from(["a", "é", "👍", '"', "\n", "a "]))
        rows = ((rows[0][0], (large * LARGE)[:LARGE], rows[0][2]), *rows[1:])
    if draw(st.integers(0, 9)) == 0:
        rows = (*rows, (str(len(rows)), "ragged"))
    text = io.StringIO(newline="")
    csv.writer(text).writerows([HEADER, *rows])
    content = text.getvalue().encode()
    if draw(st.integers(0, 9)) == 0:
        # No text here, or text of another encoding; or somebody's quote.
        place = draw(st.integers(0, len(content)))
        return Upload(content[:place] + draw(st.binary(max_size=3)) + content[place:], None)
    return Upload(content, rows)


_ATOMS = ["text", "label", "id", "inputs", "parameters", "@", "`1`", "`[]`", "'x'", "[]", "*", '"no such"']
_COMPOSITES = [
    *("{0}.{1}", "[{0}, {1}]", "{{k: {0}}}", "{0} | {1}", "{0} || {1}", "{0} && {1}", "{0} == {1}", "!{0}", "({0})"),
    *("{0}[0:1]", "{0}[::-1]", "{0}[::0]", "{0}[0]", "{0}[]", "{0}[?{1}]", "&{0}", "[&{0}]", "{{a: &{0}}}"),
    *("to_number({0})", "to_string({0})", "to_array({0})", "length({0})", "reverse({0})", "max({0})", "sum({0})"),
    *("join({0}, {1})", "merge({0}, {1})", "map(&{0}, {1})", "sort_by({0}, &{1})", "keys({0})", "no_function({0})"),
]
_NASTY = [
    "[text, label][0:1]",
    "to_number(text)",
    "abs(text)",
    "&text",
    "(" * 900 + "text" + ")" * 900,
    "text" + "|[@,@]" * 20,
    "text" + ".a" * 900,
    "[" * 400 + "text" + "]" * 400,
    "`" + "[" * 900 + "]" * 900 + "`",
    "`1e999`",
    "`NaN`",
    "text" * 400,
    "@",
    "[].{label: labels[0]}",
    "{instances: inputs}",
    "inputs[0]",
    "reverse(@)",
    "[0]",
    "",
    "{",
]
EXPRESSIONS = st.sampled_from(_NASTY) | st.recursive(
    st.sampled_from(_ATOMS),
    lambda inner: st.builds(str.format, st.sampled_from(_COMPOSITES), inner, inner),
    max_leaves=6,
).filter(lambda text: len(text) < _MOST_METADATA)

_PROMPTS = [
    *("{text}", "{text}", "{label} {text}", "{{{id}}}", "{text}" * 8, "{text}" * 9, "{no such}", "\x00é{text}"),
    *("text", "{", "}", "{}", "{{}}", "{text", "{{text}}", "{{text}", "{{{text}", "{" * 900, "{te{xt}", ""),
    f"{{{_LONG_NAME}}}",
]
_SCHEMAS = [
    *("{}", '{"type": "object"}', '{"type": "string"}', '{"required": ["label"]}', '{"properties": {"label": false}}'),
    *('{"additionalProperties": {"type": "array"}}', '{"multipleOf": 0.5}', '{"enum": [null]}', '{"not": {}}', "true"),
    *('{"pattern": "(a+)+$"}', '{"$ref": "#"}', '{"$ref": "http://127.0.0.1:9/"}', '{"$defs": 5}', '{"type": 5}', "5"),
    *("{", "", "[]", '{"not":' * 90 + "{}" + "}" * 90, f'{{"enum": [{",".join("1" * 900)}]}}', '{"\\ud800": 1}'),
    json.dumps({"anyOf": [{"type": "null"}] * 80}),
    *(json.dumps({"properties": {_LONG_NAME: inner}}) for inner in ({"a": 1}, {"$ref": "#"}, {"type": 5})),
    json.dumps({_LONG_NAME: 1}),
    json.dumps({"$defs": {str(n): {"allOf": [{"$ref": f"#/$defs/{n + 1}"}] * 2} for n in range(30)}}),
]
_OPTIONS: dict[str, st.SearchStrategy[str]] = {
    "input-expression": EXPRESSIONS,
    "prompt": st.sampled_from(_PROMPTS),
    "payload-expression": EXPRESSIONS,
    "result-expression": EXPRESSIONS,
    "response-schema": st.sampled_from(_SCHEMAS),
    "parameters": st.sampled_from(
        [
            *(
                "{}",
                '{"a":1e400}',
                '{"a":-1E+999}',
                '{"a":NaN}',
                '{"a":"\\ud800"}',
                '{"a": "é"}',
                "[]",
                "",
                "{",
                "null",
                '{"messages":[{"role":"system","content":"x"}]}',
                '{"messages":{}}',
            ),
            *(f'{{"a":{"[" * 700}{"]" * 700}}}', f'{{"a":{"1" * 1_800}}}'),
        ]
    ),
    "input-column": st.sampled_from(
        ["text", "id", "0", "1", "2", "3", "99999999999", "no such", "", "-1", "é", "\x00", _LONG_NAME]
    ),
    "header": st.sampled_from(["auto", "present", "absent", "no"]),
    "delimiter": st.sampled_from([",", ";", "tab", '"', "\n", "é", "", "::"]),
    "quote": st.sampled_from(['"', "'", ",", ""]),
    "encoding": st.sampled_from(
        ["utf-8", "latin-1", "utf-16", "utf-7", "idna", "punycode", "hex", "no such", "gb18030", ""]
    ),
    "encoding-errors": st.sampled_from(["strict", "row", "replace", "no"]),
    "rows-per-request": st.sampled_from(["1", "2", "7", "1000", "0", "1001", "1" * 100, "²", "-1"]),
    "max-attempts": st.sampled_from(["1", "2", "20", "x"]),
    "skip-rows": st.sampled_from(["0", "1", "1000", "x"]),
    "skip-initial-space": st.sampled_from(["yes", "no", "maybe"]),
    "escape": st.sampled_from(["", "\\", "a", "::"]),
    "bom": st.sampled_from(["auto", "yes", "no", "x"]),
    "tolerated-failure-percentage": st.sampled_from(["0", "50", "100", "101"]),
    "guard-formulas": st.sampled_from(["yes", "no"]),
    "somebody's": st.sampled_from(["own", "%ff", "%"]),
}
# What leaves a known file as it is.
HARMLESS = {
    *("input-expression", "prompt", "payload-expression", "result-expression", "parameters", "rows-per-request"),
    *("response-schema", "max-attempts", "tolerated-failure-percentage", "somebody's"),
}


@st.composite
def options(draw: st.DrawFn) -> dict[str, str]:
    """The metadata of a file; a job that hangs would end after an hour."""
    possible = sorted(HARMLESS) if draw(st.booleans()) else sorted(_OPTIONS)
    names = draw(st.lists(st.sampled_from(possible), max_size=3, unique=True))
    return {"deadline-hours": "1"} | {name: quote(draw(_OPTIONS[name])) for name in names}


def _same(outcome: Outcome) -> Mood:
    return lambda _body, _random: outcome


def _answer(make: Callable[[list[Any], Random], Any]) -> Mood:
    return lambda body, random: models.response(json.dumps(make(models.inputs(body), random)))


def _spelt(make: Callable[[Random], str]) -> Mood:
    """So much JSON for each input as it is made."""
    return lambda body, random: models.response(f"[{','.join(make(random) for _ in models.inputs(body))}]")


def _good(body: bytes, _random: Random) -> Outcome:
    found = json.loads(body)
    is_chat = isinstance(found, dict) and "messages" in found
    return models.structured(body) if is_chat else models.response(models.good_text(body))


def _names(texts: list[Any], random: Random) -> list[Any]:
    return [{f"field {random.random()} {number}": "x" for number in range(20)} for _ in texts]


def _poison(body: bytes, random: Random) -> Outcome:
    return models.poisoned(random.choice([400, 424, 500, 0]))(body)


_LEVELS = [*range(90, 110), 700, 900, 960, 990, 5_000]
_SCORES = ["NaN", "1e999", "-1", "2", "1" * 400, '"x"', "null", "true"]
_MOODS: Mapping[str, Mood] = {
    "good": _good,
    "first": _answer(lambda texts, _: models.good(texts[:1])),
    "object": _answer(lambda texts, _: models.good(texts)[0] if len(texts) == 1 else models.good(texts)),
    "poison": _poison,
    "names": _answer(_names),
    "large names": _answer(lambda texts, _: [{"n" * (LARGE // 2): "x"} for _ in texts]),
    "many names": _answer(lambda texts, _: [{f"field {number}": 1 for number in range(20_000)} for _ in texts]),
    "large label": _answer(lambda texts, _: [{"label": "é" * (LARGE // 2)} for _ in texts]),
    "own names": _answer(lambda texts, _: [{"text": 1, "fanfold_text": 2, "error": 3, "": 4, "row": 5} for _ in texts]),
    "types": _answer(lambda texts, random: [random.choice([1, "a", [], {}, None, True, {"label": {}}]) for _ in texts]),
    "deep": _spelt(lambda random: "[" * (levels := random.choice(_LEVELS)) + "]" * levels),
    "numbers": _spelt(lambda random: random.choice(["NaN", "1e999", "1" * 5_000, "1" * 400, "-Infinity"])),
    "scores": _spelt(lambda random: f'{{"label": "A", "score": {random.choice(_SCORES)}}}'),
    "large error": _same(Response(json.dumps({"error": CANARY + "e" * LARGE}).encode(), "application/json")),
    "large text": _same(models.response(json.dumps("x" * LARGE))),
    "half": _same(models.response('["\\ud800"]')),
    "bytes": _same(Response(b"\xff\xfe", "application/json")),
    "expired": _same(expired(3600)),
}
_TEXTS = [
    *("", "null", "NaN", "[NaN]", "[", "[" * 100_000, "\ufeff[]", "[]", "{}", "<html>", "1" * 5_000),
    *(f'{{"error": "{CANARY}"}}', f'"{CANARY}"', CANARY, f'[{{"label": null, "why": "{CANARY}"}}]'),
]
_STATUSES = [0, 400, 413, 422, 424, 429, 500, 503]


def _mood(name: str) -> Mood:
    kind, _, value = name.partition(":")
    match kind:
        case "status":
            return _same(models.failing(int(value), f'{{"message": "{CANARY}' + "no " * 40_000))
        case "results":
            return _same(models.response(json.dumps([{"label": f"nobody's {n}"} for n in range(int(value))])))
        case "text":
            return _same(models.response(_TEXTS[int(value)]))
        case _:
            return _MOODS[name]


_KINDS = st.sampled_from(
    [
        *_MOODS,
        *(f"status:{status}" for status in _STATUSES),
        *(f"results:{number}" for number in (0, 1, 2, 3, 4, 7)),
        *(f"text:{number}" for number in range(len(_TEXTS))),
    ]
)


@dataclass(frozen=True)
class MoodyModel:
    """A model that is in any of its moods at each request."""

    moods: tuple[str, ...]
    seed: int

    @property
    def is_nobodys(self) -> bool:
        """Whether it answers so many results whatever it is sent, and never one."""
        return all(name.startswith("results:") for name in self.moods) and "results:1" not in self.moods

    def __call__(self) -> Callable[[bytes], Outcome]:
        """The model, at its first request."""
        random, moods = Random(self.seed), [_mood(name) for name in self.moods]
        return lambda body: random.choice(moods)(body, random)


def moody_models() -> st.SearchStrategy[MoodyModel]:
    """Any model; half of all are mostly good."""
    some = st.lists(_KINDS, min_size=1, max_size=2)
    moods = some.map(tuple) | some.map(lambda found: ("good", "good", *found))
    return st.builds(MoodyModel, moods, st.integers(0, 2**16))
