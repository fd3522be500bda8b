"""Queues of the local cloud."""

import uuid

from localaws.cloud import LocalCloud


def test_a_group_of_few_messages_does_not_wait_for_one_of_many(cloud: LocalCloud) -> None:
    sqs = cloud.session().client("sqs")
    url = sqs.create_queue(QueueName=f"fair-{uuid.uuid4().hex}")["QueueUrl"]

    def send(group: str | None, *bodies: str) -> None:
        grouped = {"MessageGroupId": group} if group else {}
        entries = [{"Id": str(number), "MessageBody": body, **grouped} for number, body in enumerate(bodies)]
        sqs.send_message_batch(QueueUrl=url, Entries=entries)

    def receive(count: int) -> list[str]:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=count)
        return [message["Body"] for message in answer.get("Messages", [])]

    send("large", *(f"large {number}" for number in range(10)))
    assert receive(2) == ["large 0", "large 1"]
    send("small", "small 0", "small 1")
    send(None, "alone")
    assert receive(5) == ["large 2", "small 0", "alone", "large 3", "small 1"]
    assert receive(10) == [f"large {number}" for number in range(4, 10)]
