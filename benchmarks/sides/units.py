"""What calls of DynamoDB are charged: write and read units, from the items that they write and read.

Written are whole items, a unit for each kilobyte begun; read are four kilobytes a unit, since all reads here are
strongly consistent or rare. Indexes are left out: they take part in a handful of writes a job.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

_WRITTEN, _READ = 1024, 4096


@dataclass(slots=True)
class Units:
    """Counts for one session: `write` and `read`."""

    total: Counter[str] = field(default_factory=Counter)

    def before(self, params: dict[str, Any], **_: Any) -> None:
        """Count what is put, as the request has it."""
        request = json.loads(params["body"])
        if "Item" in request:
            self.total["write"] += _units(_size(request["Item"]), _WRITTEN)
        for entries in request.get("RequestItems", {}).values():
            for entry in entries:
                self.total["write"] += _units(_size(entry["PutRequest"]["Item"]), _WRITTEN)

    def after(self, http_response: Any, **_: Any) -> None:
        """Count what is updated, which is charged as it then is, and what is read, as the answer has it."""
        answer = json.loads(http_response.content)
        if "Attributes" in answer:
            self.total["write"] += _units(_size(answer["Attributes"]), _WRITTEN)
        if "Item" in answer:
            self.total["read"] += _units(_size(answer["Item"]), _READ)
        if "Items" in answer:
            self.total["read"] += _units(sum(map(_size, answer["Items"])), _READ)


def _units(size: int, each: int) -> int:
    return max(1, -(-size // each))


def _size(item: dict[str, dict[str, Any]]) -> int:
    """Bytes of an item: its names and its values, by and large as DynamoDB measures them."""
    return sum(len(name) + _value(value) for name, value in item.items())


def _value(value: dict[str, Any]) -> int:
    ((_, content),) = value.items()
    if isinstance(content, dict):
        return _size(content) + 3
    if isinstance(content, list):
        return sum(len(str(element)) for element in content)
    return len(str(content).encode())
