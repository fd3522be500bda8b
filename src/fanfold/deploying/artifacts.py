"""The bucket that CloudFormation and Lambda read a stack's template and code from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from fanfold.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import CreateBucketRequestTypeDef

# The region that must not be named when a bucket is created in it.
_FIRST_REGION = "us-east-1"
_NOT_FOUND = "404"
# Who may not list a bucket isn't told what is not there.
_UNKNOWN = {_NOT_FOUND, "403"}
# How S3 refuses a bucket of another account or region, or a user. A HEAD has no words for it.
_REFUSED = {"301", "400", "403"}


@dataclass(frozen=True, slots=True)
class Artifacts:
    """A bucket of the account. Nothing is sent to a bucket of somebody else's that has its name."""

    s3: S3Client
    account: str
    bucket: str

    @staticmethod
    def default_name(account: str, region: str) -> str:
        """The name of the bucket that is made where none is named.

        >>> Artifacts.default_name("123456789012", "eu-central-1")
        'fanfold-artifacts-123456789012-eu-central-1'
        """
        return f"fanfold-artifacts-{account}-{region}"

    def exists(self) -> bool:
        """Whether it is there.

        Raises:
            DeployError: it is somebody else's, closed to this user, or in another region.
        """
        try:
            found = self.s3.head_bucket(Bucket=self.bucket, ExpectedBucketOwner=self.account)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == _NOT_FOUND:
                return False
            if code not in _REFUSED:
                raise
            raise DeployError(
                f"bucket {self.bucket} is not account {self.account}'s, or you may not use it: name another with "
                "--artifacts-bucket"
            ) from error
        if found["BucketRegion"] != self.s3.meta.region_name:
            raise DeployError(
                f"bucket {self.bucket} is in {found['BucketRegion']}, but Lambda needs its code in the stack's region, "
                f"{self.s3.meta.region_name}: name another with --artifacts-bucket"
            )
        return True

    def create(self) -> None:
        """Make it, without access lists of objects; `protect` has the rest."""
        request: CreateBucketRequestTypeDef = {"Bucket": self.bucket, "ObjectOwnership": "BucketOwnerEnforced"}
        if self.s3.meta.region_name != _FIRST_REGION:
            request["CreateBucketConfiguration"] = {"LocationConstraint": self.s3.meta.region_name}  # type: ignore[typeddict-item] # any region
        self.s3.create_bucket(**request)

    def protect(self) -> None:
        """Keep it private, encrypted, for TLS only, and without what is left of uploads that broke off.

        It may be repeated, so that a deploy mends what one before it, which broke off, has left open. The objects
        stay: if an update fails, CloudFormation takes the code of the version before from here.
        """
        mine: Any = {"Bucket": self.bucket, "ExpectedBucketOwner": self.account}
        self.s3.put_public_access_block(
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "BlockPublicPolicy": True,
                "IgnorePublicAcls": True,
                "RestrictPublicBuckets": True,
            },
            **mine,
        )
        self.s3.put_bucket_encryption(
            ServerSideEncryptionConfiguration={
                "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
            },
            **mine,
        )
        self.s3.put_bucket_policy(Policy=json.dumps(self._tls_only()), **mine)
        self.s3.put_bucket_lifecycle_configuration(
            LifecycleConfiguration={
                "Rules": [
                    {
                        "ID": "abort-uploads",
                        "Status": "Enabled",
                        "Filter": {"Prefix": ""},
                        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 3},
                    }
                ]
            },
            **mine,
        )

    def holds(self, key: str) -> bool:
        """Whether an object is known to be there already."""
        try:
            self.s3.head_object(Bucket=self.bucket, Key=key, ExpectedBucketOwner=self.account)
        except ClientError as error:
            if error.response["Error"]["Code"] in _UNKNOWN:
                return False
            raise
        return True

    def send(self, file: Path, key: str, on_bytes: Callable[[int], None]) -> None:
        """Upload a file; `on_bytes` is told of bytes as they go."""
        extra = {"ExpectedBucketOwner": self.account}
        self.s3.upload_file(str(file), self.bucket, key, ExtraArgs=extra, Callback=on_bytes)

    def put(self, text: str, key: str) -> str:
        """Upload a text; its URL, as CloudFormation takes it."""
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=text.encode(), ExpectedBucketOwner=self.account)
        return f"{self.s3.meta.endpoint_url}/{self.bucket}/{key}"

    def _tls_only(self) -> dict[str, Any]:
        arn = f"arn:{self.s3.meta.partition}:s3:::{self.bucket}"
        return {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "TlsOnly",
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "s3:*",
                    "Resource": [arn, f"{arn}/*"],
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                }
            ],
        }
