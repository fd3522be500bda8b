"""The template created as a stack, and what came of it."""

from collections.abc import Mapping as MappingOf
from typing import Any

from botocore.exceptions import ClientError

from localaws.credentials import LocalSession
from localaws.errors import StackCreationError
from localaws.functions.mappings import Mapping
from localaws.functions.workers import Function
from localaws.template import Template


class LocalStack:
    """A stack of the local cloud, read through the same API calls as one on AWS.

    Example:
        >>> stack = LocalStack.create(session, "fanfold", template)
        >>> stack.outputs["InputBucket"]
        'fanfold-input-123456789012-us-east-1'
    """

    def __init__(self, session: LocalSession, name: str, template: Template) -> None:
        self._session = session
        self._name = name
        self._template = template
        self.outputs: dict[str, str] = self._outputs()
        self.functions: dict[str, Function] = {function.arn: function for function in self._functions()}

    @classmethod
    def create(cls, session: LocalSession, name: str, template: Template) -> "LocalStack":
        """Create it; raises StackCreationError with the words of who refused."""
        try:
            session.client("cloudformation").create_stack(
                StackName=name,
                TemplateBody=template.text,
                Parameters=[
                    {"ParameterKey": key, "ParameterValue": value} for key, value in template.parameters.items()
                ],
                Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
            )
        except ClientError as error:
            raise StackCreationError(f"Stack {name} couldn't be created: {error}") from error
        return cls(session, name, template)

    def mappings(self) -> list[Mapping]:
        """The event source mappings that are enabled."""
        pages = self._session.client("lambda").get_paginator("list_event_source_mappings").paginate()
        found = [entry for page in pages for entry in page["EventSourceMappings"]]
        return [Mapping.parse(entry) for entry in found if entry["State"] == "Enabled"]

    def queue_url(self, arn: str) -> str:
        """The URL of a queue."""
        url: str = self._session.client("sqs").get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]
        return url

    def _outputs(self) -> dict[str, str]:
        described = self._session.client("cloudformation").describe_stacks(StackName=self._name)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}

    def _functions(self) -> list[Function]:
        listed = self._session.client("cloudformation").describe_stack_resources(StackName=self._name)
        aws_lambda = self._session.client("lambda")
        return [
            self._function(
                resource["LogicalResourceId"],
                aws_lambda.get_function_configuration(FunctionName=resource["PhysicalResourceId"]),
            )
            for resource in listed["StackResources"]
            # Moto lists what a condition leaves out, too, without a type.
            if resource.get("ResourceType") == "AWS::Lambda::Function"
        ]

    def _function(self, logical_id: str, configuration: MappingOf[str, Any]) -> Function:
        return Function(
            logical_id=logical_id,
            name=configuration["FunctionName"],
            arn=configuration["FunctionArn"],
            role=configuration["Role"],
            code=self._template.functions[logical_id],
            variables=configuration.get("Environment", {}).get("Variables", {}),
            timeout=configuration["Timeout"],
            memory=configuration["MemorySize"],
            log_group=configuration["LoggingConfig"]["LogGroup"],
        )
