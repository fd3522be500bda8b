"""Hugging Face's article "Asynchronous Inference with Hugging Face Transformers and Amazon SageMaker", step by step.

The same calls of the SageMaker SDK (version 2) as in the article, with shorter waits. `article.py FILE` sends each row
of a CSV file, and prints on its last line, as JSON, what came back.
"""

import json
import sys
import time
from csv import reader

import boto3
import sagemaker
from sagemaker.async_inference.async_inference_config import AsyncInferenceConfig
from sagemaker.async_inference.waiter_config import WaiterConfig
from sagemaker.exceptions import AsyncInferenceModelError
from sagemaker.huggingface.model import HuggingFaceModel
from sagemaker.s3 import s3_path_join

sess = sagemaker.Session()
bucket = sess.default_bucket()
role = boto3.client("iam").get_role(RoleName="sagemaker_execution_role")["Role"]["Arn"]
topics = {
    topic["TopicArn"].rpartition("-")[2]: topic["TopicArn"] for topic in boto3.client("sns").list_topics()["Topics"]
}

# Create Inference HuggingFaceModel for the Asynchronous Inference Endpoint
hub = {"HF_MODEL_ID": "cardiffnlp/twitter-roberta-base-sentiment", "HF_TASK": "text-classification"}
huggingface_model = HuggingFaceModel(
    env=hub,
    role=role,
    transformers_version="4.26",
    pytorch_version="1.13",
    py_version="py39",
)
async_config = AsyncInferenceConfig(
    output_path=s3_path_join("s3://", bucket, "async_inference/output"),
    notification_config={"SuccessTopic": topics["success"], "ErrorTopic": topics["error"]},
)
async_predictor = huggingface_model.deploy(
    initial_instance_count=1,
    instance_type="ml.g4dn.xlarge",
    async_inference_config=async_config,
)

# predict(), predict_async(), and a request that the model refuses
config = WaiterConfig(max_attempts=60, delay=1)
data = {"inputs": ["it 's a charming and often affecting journey .", "it 's slow -- very , very slow"]}
predicted = async_predictor.predict(data=data, waiter_config=config)
resp = async_predictor.predict_async(data={"inputs": "i like you. I love you"})
polled = resp.get_result(config)
try:
    refusal = str(async_predictor.predict(data={"inputs": [None]}, waiter_config=config))
except AsyncInferenceModelError as error:
    refusal = str(error)

# High load predict_async() using a csv file
output_list = []
with open(sys.argv[1], encoding="utf-8") as csv_reader:
    for row in reader(csv_reader):
        resp = async_predictor.predict_async(data={"inputs": row[0]})
        output_list.append(resp)
results = [async_response.get_result(config) for async_response in output_list]

# Autoscale (to Zero) the Asynchronous Inference Endpoint
asg_client = boto3.client("application-autoscaling")
resource_id = f"endpoint/{async_predictor.endpoint_name}/variant/AllTraffic"
asg_client.register_scalable_target(
    ServiceNamespace="sagemaker",
    ResourceId=resource_id,
    ScalableDimension="sagemaker:variant:DesiredInstanceCount",
    MinCapacity=0,
    MaxCapacity=5,
)
asg_client.put_scaling_policy(
    PolicyName=f"Request-ScalingPolicy-{async_predictor.endpoint_name}",
    ServiceNamespace="sagemaker",
    ResourceId=resource_id,
    ScalableDimension="sagemaker:variant:DesiredInstanceCount",
    PolicyType="TargetTrackingScaling",
    TargetTrackingScalingPolicyConfiguration={
        "TargetValue": 5.0,
        "CustomizedMetricSpecification": {
            "MetricName": "ApproximateBacklogSizePerInstance",
            "Namespace": "AWS/SageMaker",
            "Dimensions": [{"Name": "EndpointName", "Value": async_predictor.endpoint_name}],
            "Statistic": "Average",
        },
        "ScaleInCooldown": 600,
        "ScaleOutCooldown": 300,
    },
)


def wait_for_instances(enough: int) -> None:
    """Look at the endpoint until it has no instance (0), or some (1); a minute at most."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        described = boto3.client("sagemaker").describe_endpoint(EndpointName=async_predictor.endpoint_name)
        if min(described["ProductionVariants"][0]["CurrentInstanceCount"], 1) == enough:
            return
        time.sleep(0.2)
    raise TimeoutError(f"the endpoint didn't scale to {enough}")


wait_for_instances(0)
sleeping = [async_predictor.predict_async(data={"inputs": "i like you. I love you"}) for _ in range(6)]
wait_for_instances(1)
woken = [async_response.get_result(config) for async_response in sleeping]

# Delete the Asynchronous Inference Endpoint
async_predictor.delete_endpoint()

print()
print(
    json.dumps(
        {
            "endpoint": async_predictor.endpoint_name,
            "predicted": predicted,
            "polled": polled,
            "refusal": refusal,
            "results": results,
            "woken": woken,
        }
    )
)
