"""Say how many resources template.yaml comes to, all of which the local cloud has to know with all their properties."""

from fanfold.local import properties, template
from fanfold.local.project import find_root

whole = template.load(find_root())
properties.check(whole)
resources = whole.body["Resources"].values()
types = {resource["Type"] for resource in resources}
print(f"template.yaml: {len(resources)} resources of {len(types)} types, all known to the local cloud")
