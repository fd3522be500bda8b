"""A small project of its own: the local cloud is told of it by a template, as it is of the real one."""

import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from localaws.cloud import LocalCloud

TEMPLATE = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Parameters:
  Colour: { Type: String, Default: red, AllowedValues: [red, blue] }
Globals:
  Function:
    Runtime: python3.13
    Handler: handler.handler
    Timeout: 3
    Layers: [!Ref Shared]
    Environment:
      Variables: { TABLE_NAME: !Ref Seen, COLOUR: !Ref Colour }
Resources:
  Uploads:
    Type: AWS::S3::Bucket
    DependsOn: WorkPolicy
    Properties:
      BucketName: !Sub ${AWS::StackName}-uploads
      VersioningConfiguration: { Status: Enabled }
      PublicAccessBlockConfiguration: { BlockPublicAcls: true }
      NotificationConfiguration:
        QueueConfigurations:
          - { Event: "s3:ObjectCreated:*", Queue: !GetAtt Work.Arn }
  TlsOnly:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Uploads
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Deny
            Principal: "*"
            Action: s3:*
            Resource: !Sub ${Uploads.Arn}/*
            Condition: { Bool: { aws:SecureTransport: false } }
  Work:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 3
      RedrivePolicy: { deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 3 }
  Dead: { Type: AWS::SQS::Queue }
  Many: { Type: AWS::SQS::Queue, Properties: { VisibilityTimeout: 300 } }
  WorkPolicy:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Work]
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal: { Service: s3.amazonaws.com }
            Action: sqs:SendMessage
            Resource: !GetAtt Work.Arn
  News: { Type: AWS::SNS::Topic }
  NewsToWork:
    Type: AWS::SNS::Subscription
    Properties: { TopicArn: !Ref News, Protocol: sqs, Endpoint: !GetAtt Work.Arn, RawMessageDelivery: true }
  Seen:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{ AttributeName: pk, AttributeType: S }]
      KeySchema: [{ AttributeName: pk, KeyType: HASH }]
      TimeToLiveSpecification: { AttributeName: expires, Enabled: true }
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true }
      SSESpecification: { SSEEnabled: true }
  Shared:
    Type: AWS::Serverless::LayerVersion
    Properties: { ContentUri: layers/shared, CompatibleRuntimes: [python3.13] }
  Recorder:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/recorder
      Policies:
        - Version: "2012-10-17"
          Statement:
            - { Effect: Allow, Action: "dynamodb:UpdateItem", Resource: !GetAtt Seen.Arn }
      Events:
        Work:
          Type: SQS
          Properties:
            Queue: !GetAtt Work.Arn
            FunctionResponseTypes: [ReportBatchItemFailures]
            ScalingConfig: { MaximumConcurrency: 5 }
        Many:
          Type: SQS
          Properties: { Queue: !GetAtt Many.Arn, BatchSize: 100, MaximumBatchingWindowInSeconds: 120 }
  Forbidden:
    Type: AWS::Serverless::Function
    Properties: { CodeUri: functions/forbidden, Timeout: 30 }
Outputs:
  Bucket: { Value: !Ref Uploads }
  Queue: { Value: !Ref Work }
  Many: { Value: !Ref Many }
  DeadLetters: { Value: !Ref Dead }
  Topic: { Value: !Ref News }
  Table: { Value: !Ref Seen }
"""

RECORDER = """
import os
import time

import boto3
from greeting import GREETING

table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])


def handler(event, context):
    failed = []
    for record in event["Records"]:
        body = record["body"]
        table.update_item(
            Key={"pk": body},
            UpdateExpression="SET receives = :r, worker = :w, together = :b, greeting = :g, colour = :c",
            ExpressionAttributeValues={
                ":r": int(record["attributes"]["ApproximateReceiveCount"]),
                ":w": os.getpid(),
                ":b": len(event["Records"]),
                ":g": GREETING,
                ":c": os.environ["COLOUR"],
            },
        )
        print("recorded", body)
        if body.startswith("raise"):
            raise RuntimeError(body + chr(27) + "[31m" + chr(10) + "red")
        if body.startswith("poison"):
            failed.append({"itemIdentifier": record["messageId"]})
        first = record["attributes"]["ApproximateReceiveCount"] == "1"
        if body.startswith("crash") and first:
            os._exit(3)
        if body.startswith("sleep") and first:
            time.sleep(context.get_remaining_time_in_millis() / 1000 + 5)
    return {"batchItemFailures": failed}
"""

FORBIDDEN = """
import os

import boto3
from botocore.exceptions import ClientError


def handler(event, context):
    try:
        boto3.client("dynamodb").put_item(TableName=os.environ["TABLE_NAME"], Item={"pk": {"S": "x"}})
    except ClientError as error:
        return error.response["Error"]["Code"]
"""


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of two functions, a layer, a bucket, a queue, a topic and a table."""
    root = tmp_path_factory.mktemp("project")
    files = {
        "template.yaml": TEMPLATE,
        "layers/shared/greeting.py": 'GREETING = "hello"\n',
        "functions/recorder/handler.py": RECORDER,
        "functions/forbidden/handler.py": FORBIDDEN,
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip(), encoding="utf-8")
    return root


@pytest.fixture(scope="session")
def cloud(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """That project, running."""
    logs = tmp_path_factory.mktemp("logs")
    with LocalCloud(project, stack_name="small", parameters={"Colour": "blue"}, log_dir=logs) as running:
        yield running
    if (errors := (logs / "server.log").read_text(encoding="utf-8")) and "Traceback" in errors:
        sys.stderr.write(errors)
