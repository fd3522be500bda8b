"""Descriptions of AWS in half the memory say what botocore's own say."""

import json
from pathlib import Path
from typing import Any

from botocore.loaders import Loader

from localaws.access.profiles import LightLoader, session_without_profile


def without_words(value: Any) -> Any:
    """The value, in which each text called `documentation` is empty."""
    if isinstance(value, dict):
        return {
            name: "" if name == "documentation" and isinstance(inner, str) else without_words(inner)
            for name, inner in value.items()
        }
    return [without_words(inner) for inner in value] if isinstance(value, list) else value


def test_descriptions_are_those_of_botocore_but_for_texts() -> None:
    found = Loader(file_loader=LightLoader()).load_service_model("sqs", "service-2")
    assert found == without_words(Loader().load_service_model("sqs", "service-2"))
    assert type(found) is dict


def test_a_member_that_is_called_documentation_stays(tmp_path: Path) -> None:
    members = {"documentation": {"shape": "Words", "documentation": "<p>A member.</p>"}}
    (tmp_path / "shapes.json").write_text(json.dumps({"members": members}), encoding="utf-8")
    found = LightLoader().load_file(str(tmp_path / "shapes"))
    assert found == {"members": {"documentation": {"shape": "Words", "documentation": ""}}}


def test_sessions_share_what_they_have_read() -> None:
    one, other = (session_without_profile().get_service_model("sqs") for _ in range(2))
    assert one.metadata is other.metadata
    assert not one.documentation
