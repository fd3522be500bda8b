# Fanfold as a CloudFormation stack of a Terraform configuration. What `fanfold deploy --package fanfold.json` prints is
# the template's address, which changes with the version: an upgrade is a change of the plan.

variable "fanfold_template" {
  description = "What `fanfold deploy --package` printed"
  type        = string
}

resource "aws_cloudformation_stack" "fanfold" {
  name         = "fanfold"
  template_url = var.fanfold_template
  capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]

  parameters = {
    InstanceType = "ml.m5.xlarge"
    MaxInstances = "2"
    AlarmEmail   = "you@example.com"
  }
}

output "results_bucket" {
  value = aws_cloudformation_stack.fanfold.outputs["OutputBucket"]
}
