"""EventBridge: events reach SNS topics, and only rules that have a pattern."""

import copy
import json
from collections.abc import Callable
from typing import Any

from moto.events.models import Rule
from moto.sns.models import sns_backends

from fanfold.local.server.patching import replace

_SNS = "arn:aws:sns:"


def improve() -> None:
    """Change moto's EventBridge."""
    replace(Rule, "send_to_targets", _with_topics)


def _with_topics(original: Callable[..., None]) -> Callable[..., None]:
    def send_to_targets(self: Rule, event: dict[str, Any], **options: Any) -> None:
        # Moto takes a rule that has a schedule and no pattern for one that fits every event.
        if self.scheduled_expression or not self.event_pattern.matches_event(event):  # type: ignore[arg-type]
            return
        backend = sns_backends[self.account_id][self.region_name]
        for target in self.targets:
            if target["Arn"].startswith(_SNS):
                backend.publish(json.dumps(event), arn=target["Arn"])
        others = copy.copy(self)
        others.targets = [target for target in self.targets if not target["Arn"].startswith(_SNS)]
        original(others, event, **options)

    return send_to_targets
