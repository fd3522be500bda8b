"""Fanfold as a stack of a CDK app: `fanfold deploy --package fanfold.json` first, then `cdk deploy`.

Parameters stay parameters, since the stack's users read them, so their values here are defaults. CDK keeps the values
of a stack that is there unless it is called with `--no-previous-parameters`.
"""

import aws_cdk as cdk
from aws_cdk.cloudformation_include import CfnInclude

PARAMETERS = {"InstanceType": "ml.m5.xlarge", "MaxInstances": "2", "AlarmEmail": "you@example.com"}

app = cdk.App()
# What others deploy has no parameter of CDK's own.
synthesizer = cdk.DefaultStackSynthesizer(generate_bootstrap_version_rule=False)
stack = cdk.Stack(app, "fanfold", synthesizer=synthesizer)
fanfold = CfnInclude(stack, "Template", template_file="fanfold.json")
for name, value in PARAMETERS.items():
    fanfold.get_parameter(name).default = value

# Your own resources may use what the stack has.
results = fanfold.get_resource("OutputBucket")
cdk.CfnOutput(stack, "ResultsArn", value=cdk.Fn.get_att(results.logical_id, "Arn").to_string())

app.synth()
