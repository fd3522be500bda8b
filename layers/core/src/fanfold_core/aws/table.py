"""One DynamoDB table: items are read as they are now, and written under a condition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import ConditionBase, Key
from botocore.exceptions import PaginationError

from fanfold_core.input.errors import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from boto3.dynamodb.table import BatchWriter
    from types_boto3_dynamodb.service_resource import Table

    from fanfold_core.aws.items import Item

_KEYS_PER_BATCH = 100  # what BatchGetItem takes


class ConditionalTable:
    """Reads and writes items of a table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def get(self, key: Item) -> Item | None:
        """An item as it is now."""
        return self._table.get_item(Key=key, ConsistentRead=True).get("Item")

    def batch(self, keys: Sequence[Item]) -> Iterator[Item]:
        """The items of these keys that exist, in any order."""
        for start in range(0, len(keys), _KEYS_PER_BATCH):
            yield from self._batch(keys[start : start + _KEYS_PER_BATCH])

    def _batch(self, keys: Sequence[Item]) -> Iterator[Item]:
        table = self._table.name
        wanted: dict[str, Any] = {table: {"Keys": list(keys), "ConsistentRead": True}}
        while wanted:
            # DynamoDB answers with up to 16 MB, and says what it has left out.
            answer = self._table.meta.client.batch_get_item(RequestItems=wanted)
            yield from answer["Responses"][table]
            left = dict(answer.get("UnprocessedKeys", {}))
            # DynamoDB refuses a call of which it can process nothing. Asking again and again would have no end.
            if left and len(left[table]["Keys"]) >= len(wanted[table]["Keys"]):
                raise PaginationError(
                    message=f"{table}: none of {counted(len(wanted[table]['Keys']), 'key')} was processed"
                )
            wanted = left

    def items(self, pk: str, prefix: str) -> Iterator[Item]:
        """The items of a partition whose sort key begins so, in its order."""
        condition = Key("pk").eq(pk) & Key("sk").begins_with(prefix)
        return self.query(KeyConditionExpression=condition, ConsistentRead=True)

    def query(self, **query: Any) -> Iterator[Item]:
        """What a query finds, page by page."""
        start: dict[str, Any] = {}
        while True:
            page = self._table.query(**query, **start)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            before, start = start, {"ExclusiveStartKey": page["LastEvaluatedKey"]}
            if start == before:
                raise PaginationError(message=f"{self._table.name}: the next page begins where this one did")

    def writer(self) -> BatchWriter:
        """Puts items without conditions, many in a call; of two with one key the last stays."""
        return self._table.batch_writer(overwrite_by_pkeys=["pk", "sk"])

    def put(self, item: Item, condition: ConditionBase | None = None) -> bool:
        """Put an item; False if its condition fails."""
        conditions: dict[str, Any] = {"ConditionExpression": condition} if condition else {}
        try:
            self._table.put_item(Item=item, **conditions)
        except self._table.meta.client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def update(  # noqa: PLR0913 - an update's own clauses
        self,
        key: Item,
        condition: ConditionBase | None = None,
        *,
        put: Mapping[str, Any] | None = None,
        add: Mapping[str, set[Any]] | None = None,
        delete: Mapping[str, set[Any]] | None = None,
        remove: Sequence[str] = (),
    ) -> Item | None:
        """Change one item; answers with all of it as it then is, or None if the condition fails."""
        clauses: list[str] = []
        names: dict[str, str] = {}
        values: dict[str, Any] = {}
        for verb, joint, changes in (("SET", " = ", put), ("ADD", " ", add), ("DELETE", " ", delete)):
            # DynamoDB knows no empty sets, and adding nothing changes nothing.
            filled = {name: value for name, value in (changes or {}).items() if value != set()}
            if filled:
                clauses.append(f"{verb} " + ", ".join(f"#{name}{joint}:{name}" for name in filled))
                names |= {f"#{name}": name for name in filled}
                values |= {f":{name}": value for name, value in filled.items()}
        if remove:
            clauses.append("REMOVE " + ", ".join(f"#{name}" for name in remove))
            names |= {f"#{name}": name for name in remove}
        conditions: dict[str, Any] = {"ConditionExpression": condition} if condition else {}
        try:
            answer = self._table.update_item(
                Key=key,
                UpdateExpression=" ".join(clauses),
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=values,
                ReturnValues="ALL_NEW",
                **conditions,
            )
        except self._table.meta.client.exceptions.ConditionalCheckFailedException:
            return None
        return answer["Attributes"]
