"""Messages such as no sender of ours writes: other JSON, no JSON, and our own with something wrong in them."""

import copy
import json
from typing import Any

from hypothesis import strategies as st
from tests.functions.conftest import EVENTS

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(10**40), max_value=10**40)
    | st.floats()
    | st.text(st.characters(), max_size=20)  # halves of surrogate pairs are among them
    | st.sampled_from(["", "0000000-0001", "9999999-9999", "tweets-1f/0/0000000-0001/1", "../..", "x" * 3_000])
)
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
_DEEP = st.integers(10, 100_000).flatmap(lambda depth: st.sampled_from(["[" * depth, '{"a":' * depth]))
_NO_JSON = st.text(max_size=30) | _DEEP | st.sampled_from(["", "null", "{", "NaN", "\ufeff{}", "\ud800"])


def samples(*names: str) -> list[Any]:
    """The bodies of events of events/."""
    return [json.loads(json.loads((EVENTS / f"{name}.json").read_text())["Records"][0]["body"]) for name in names]


def bodies(*names: str) -> st.SearchStrategy[Any]:
    """Bodies that are none, or those of these events with some places in them deleted, replaced or wrapped."""
    mutated = st.sampled_from(samples(*names)).flatmap(_mutations).map(json.dumps)
    truncated = st.builds(
        lambda body, end: json.dumps(body)[:end], st.sampled_from(samples(*names)), st.integers(0, 80)
    )
    # SQS gives a text; whoever invokes a function by hand may not.
    return mutated | truncated | _NO_JSON | _VALUES.map(json.dumps) | st.sampled_from([None, 7, {}])


@st.composite
def _mutations(draw: st.DrawFn, original: Any) -> Any:
    root = [copy.deepcopy(original)]
    for _ in range(draw(st.integers(1, 3))):
        parent, key = draw(st.sampled_from(list(_places(root))))
        match draw(st.sampled_from(["replace", "replace", "wrap", "delete"])):
            case "replace":
                parent[key] = draw(_VALUES)
            case "wrap":
                parent[key] = draw(st.sampled_from([[parent[key]], {"s3": parent[key]}, json.dumps(parent[key])]))
            case "delete" if parent is not root:
                del parent[key]
    return root[0]


def _places(value: Any) -> Any:
    """Every container and key below a value."""
    keys = range(len(value)) if isinstance(value, list) else list(value) if isinstance(value, dict) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])
