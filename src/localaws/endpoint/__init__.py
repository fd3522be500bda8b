"""A small server that behaves as SageMaker's runtime for asynchronous endpoints.

Point boto3 at it with ``AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME``. What exists (endpoints, configurations, models) is
asked of the control plane, which is moto's; inputs, outputs and notifications go through moto's S3 and SNS under
the execution role of the endpoint's model.
"""
