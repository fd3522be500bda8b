"""Announcements on EventBridge: `app.ports.Announcements` over PutEvents."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fanfold_core.domain.errors import AnnouncementError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from types_boto3_events import EventBridgeClient
    from types_boto3_events.type_defs import PutEventsRequestEntryTypeDef

DETAIL_TYPE = "Fanfold Job Ended"


class EventBridgeAnnouncements:
    """Puts events on the account's default bus, as this source."""

    def __init__(self, client: EventBridgeClient, source: str) -> None:
        self._client = client
        self._source = source

    def job_ended(self, summary: Mapping[str, Any]) -> None:
        entry: PutEventsRequestEntryTypeDef = {
            "Source": self._source,
            "DetailType": DETAIL_TYPE,
            "Detail": json.dumps({"v": 1, **summary}),
        }
        answer = self._client.put_events(Entries=[entry])
        # A refused entry is no error of the call.
        if answer["FailedEntryCount"]:
            raise AnnouncementError(summary["job"], answer["Entries"][0].get("ErrorMessage", "no reason given"))
