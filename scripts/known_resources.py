"""Say how many resources template.yaml comes to, all of which the local cloud has to know with all their properties."""

from fanfold.project import find_root
from localaws import properties, template

whole = template.load(find_root())
properties.check(whole)
resources = whole.body["Resources"].values()
types = {resource["Type"] for resource in resources}
print(f"template.yaml: {len(resources)} resources of {len(types)} types, all known to the local cloud")
