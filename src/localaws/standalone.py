"""One asynchronous endpoint on this machine, without the pipeline."""

import contextlib
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from localaws.access.private import temporary_folder
from localaws.credentials import LocalSession
from localaws.lifetime import Lifetime
from localaws.services import Services
from localaws.template import REGION

logger = logging.getLogger(__name__)

ENDPOINT = "local"
# Names as the SageMaker SDK and AmazonSageMakerFullAccess have them: that policy covers what has "sagemaker" in it.
BUCKET = f"sagemaker-{REGION}-123456789012"
ROLE = "sagemaker_execution_role"
POLICY = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"
QUEUE = "sagemaker-notifications"


class LocalEndpoint(Lifetime):
    """An asynchronous endpoint called `local`, and what it needs: bucket, role, topics, a queue that gets their news.

    All of it is made by the calls that anybody would make, so more endpoints may be made the same way.

    Example:
        >>> with LocalEndpoint("models/roberta") as endpoint:
        ...     runtime = endpoint.session().client("sagemaker-runtime")
        ...     runtime.invoke_endpoint_async(EndpointName="local", ContentType="application/json", Body=b"…")
    """

    def __init__(  # noqa: PLR0913 # each has a default
        self,
        model: str = "vader",
        *,
        task: str | None = None,
        container: str | None = None,
        port: int = 0,
        endpoint_port: int = 0,
        log_dir: Path | None = None,
        scaling_speed: float = 0,
        on_scaling: Callable[[str], None] = logger.info,
    ) -> None:
        """Take what to start, see `localaws.services.Services`; nothing starts before `start`."""
        self._options = (model, task, container, port, endpoint_port)
        self._log_dir = log_dir
        self._scaling_speed, self._on_scaling = scaling_speed, on_scaling
        self._running = contextlib.ExitStack()
        self.queue_url = ""

    def start(self) -> None:
        """Start it, in a few seconds and those that the model takes to load.

        Raises:
            PortInUseError: a port is another program's.
            ModelUnavailableError: there is no such model.
        """
        model, task, container, port, endpoint_port = self._options
        with contextlib.ExitStack() as starting:
            logs = self._log_dir or starting.enter_context(temporary_folder())
            self._services = Services(
                model, logs, task=task, container=container, port=port, endpoint_port=endpoint_port
            )
            starting.callback(self._services.stop)
            self._services.begin()
            self._services.wait_ready()
            self._create()
            if self._scaling_speed:
                self._services.simulate_scaling(self._scaling_speed, self._on_scaling)
            self._running = starting.pop_all()

    def stop(self) -> None:
        """End everything. May be called again, or when nothing runs."""
        self._running.close()

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables under which any AWS tool talks to it."""
        return self._services.environment

    def session(self) -> LocalSession:
        """A boto3 session whose clients talk to it."""
        return self._services.session()

    def _create(self) -> None:
        self.session().client("s3").create_bucket(Bucket=BUCKET)
        topics = self._topics()
        sagemaker = self.session().client("sagemaker")
        # What runs is the endpoint server's model, whatever the image is called.
        container = {"Image": "huggingface-pytorch-inference"}
        sagemaker.create_model(ModelName=ENDPOINT, ExecutionRoleArn=self._role(), PrimaryContainer=container)
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": ENDPOINT,
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 1,
        }
        sagemaker.create_endpoint_config(
            EndpointConfigName=ENDPOINT,
            ProductionVariants=[variant],
            AsyncInferenceConfig={
                "OutputConfig": {
                    "S3OutputPath": f"s3://{BUCKET}/output",
                    "S3FailurePath": f"s3://{BUCKET}/failures",
                    "NotificationConfig": topics,
                }
            },
        )
        sagemaker.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName=ENDPOINT)

    def _role(self) -> str:
        iam = self.session().client("iam")
        trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        role = iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=document)["Role"]
        iam.attach_role_policy(RoleName=ROLE, PolicyArn=POLICY)
        return str(role["Arn"])

    def _topics(self) -> dict[str, Any]:
        sns, sqs = self.session().client("sns"), self.session().client("sqs")
        self.queue_url = sqs.create_queue(QueueName=QUEUE)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        topics = {}
        for kind, name in (("SuccessTopic", "sagemaker-success"), ("ErrorTopic", "sagemaker-error")):
            topics[kind] = sns.create_topic(Name=name)["TopicArn"]
            raw = {"RawMessageDelivery": "true"}
            sns.subscribe(TopicArn=topics[kind], Protocol="sqs", Endpoint=arn, Attributes=raw)
        return topics
