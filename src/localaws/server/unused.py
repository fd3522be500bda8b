"""Services of moto's that the local cloud has no use for, and that would take most of its start.

To know the types of resources, moto's CloudFormation imports every service that has one. Of those here, each name that
is imported is an empty class.
"""

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

_UNUSED = frozenset(
    {
        "moto.apigateway",
        "moto.autoscaling",
        "moto.batch",
        "moto.datapipeline",
        "moto.ec2",
        "moto.ecr",
        "moto.efs",
        "moto.elb",
        "moto.elbv2",
        "moto.emr",
        "moto.iot",
        "moto.kinesis",
        "moto.rds",
        "moto.redshift",
        "moto.route53",
        "moto.stepfunctions",
    }
)


class _Absent(ModuleType):
    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


class _Finder(MetaPathFinder, Loader):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        if ".".join(fullname.split(".")[:2]) not in _UNUSED:
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Absent(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing in it."""


def leave_out() -> None:
    """Have imports of these services find nothing, from now on."""
    sys.meta_path.insert(0, _Finder())
