"""The resources of the SageMaker SDK, version 3: a model, an endpoint's configuration, an endpoint, and `invoke_async`.

`resources.py BUCKET` prints on its last line, as JSON, where the output will be.
"""

import json
import sys

import boto3
from sagemaker.core.resources import Endpoint, EndpointConfig, Model
from sagemaker.core.shapes import (
    AsyncInferenceConfig,
    AsyncInferenceOutputConfig,
    ContainerDefinition,
    ProductionVariant,
)

bucket = sys.argv[1]
role = boto3.client("iam").get_role(RoleName="sagemaker_execution_role")["Role"]["Arn"]
image = "763104351884.dkr.ecr.us-east-1.amazonaws.com/huggingface-pytorch-inference:2.6.0-transformers4.51.3-cpu-py312"

Model.create(
    model_name="resources",
    execution_role_arn=role,
    primary_container=ContainerDefinition(image=image, environment={"HF_TASK": "text-classification"}),
)
EndpointConfig.create(
    endpoint_config_name="resources",
    production_variants=[
        ProductionVariant(
            variant_name="AllTraffic", model_name="resources", instance_type="ml.m5.large", initial_instance_count=1
        )
    ],
    async_inference_config=AsyncInferenceConfig(
        output_config=AsyncInferenceOutputConfig(s3_output_path=f"s3://{bucket}/resources/output")
    ),
)
endpoint = Endpoint.create(endpoint_name="resources", endpoint_config_name="resources")
endpoint.wait_for_status("InService")

boto3.client("s3").put_object(Bucket=bucket, Key="resources/input.json", Body=b'{"inputs": ["so good", "so bad"]}')
response = Endpoint.get("resources").invoke_async(
    input_location=f"s3://{bucket}/resources/input.json", content_type="application/json"
)

print(json.dumps({"output": response.output_location}))
