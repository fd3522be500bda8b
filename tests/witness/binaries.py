"""The built layers against Lambda's machine: glibc, both architectures, and every handler's import in Python 3.13."""

import json
import platform
import re
import struct
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.witness.services import KEYS, ROOT, lambda_python
from tests.witness.stack import BUILT
from tests.witness.witness import AbsentError, DisagreementError, agree

from localaws import template

# Amazon Linux 2023, on which Lambda's Python 3.13 runs.
LAMBDA_GLIBC = (2, 34)
_MACHINES = {62: "x86_64", 183: "aarch64"}
# Floats of 128 bits, which ARM's own library has.
_ONLY_X86 = "libquadmath.so.0.0.0"
_MACHINE_AT, _ELF = 18, b"\x7fELF"
# No environment's packages and nobody's own: what Lambda has, and what the layers bring.
_IMPORT = """
import sys
sys.path[:0] = sys.argv[1:]
import handler
assert callable(handler.handler)
assert "site-packages" not in str(sys.path), sys.path
"""


def glibc() -> str:
    """Symbols of all shared objects, by their architecture."""
    found = list(_shared_objects())
    machines = Counter(machine for _, machine, _ in found)
    agree("architectures", set(machines), set(_MACHINES.values()))
    for path, machine, highest in found:
        if highest > LAMBDA_GLIBC:
            raise DisagreementError(f"{path} ({machine}) needs glibc {highest}, and Lambda has {LAMBDA_GLIBC}")
        named = [name for name in _MACHINES.values() if name in path.name]
        if named and named != [machine]:
            raise DisagreementError(f"{path} is built for {machine}")
    of_each = {name: Counter(_plain(path) for path, machine, _ in found if machine == name) for name in machines}
    lacking = of_each["x86_64"] - of_each["aarch64"], of_each["aarch64"] - of_each["x86_64"]
    agree("what one architecture has and the other lacks", lacking, (Counter({_ONLY_X86: 1}), Counter()))
    most = ".".join(map(str, max(highest for *_, highest in found)))
    counted = " and ".join(f"{number} for {machine}" for machine, number in sorted(machines.items()))
    return f"{counted}: shared objects need glibc {most} at most, and Lambda has 2.34"


def imports() -> str:
    """Each handler with the layers alone, in an environment as the template sets it."""
    imported = handler_imports(lambda_python(), _built(), BUILT)
    return f"{len(imported)} handlers imported by Python 3.13 on {platform.machine()}, with the layers and nothing else"


def handler_imports(python: Path, system: Path, built: Path) -> list[str]:
    """The functions of a system's template, whose handlers are imported from their folders in `built`.

    Raises:
        DisagreementError: one is not.
    """
    resources, parameters = template.load(system).body["Resources"], template.defaults(system)
    functions = {name: it for name, it in resources.items() if it["Type"] == "AWS::Lambda::Function"}
    layers = [str(built / name / "python") for name in ("CoreLayer", "NumpyLayer", "ParquetLayer")]
    for name, function in functions.items():
        variables = function["Properties"]["Environment"]["Variables"]
        environment = {key: _value(value, parameters) for key, value in variables.items()}
        command = [str(python), "-I", "-S", "-c", _IMPORT, str(built / name), *layers]
        ended = subprocess.run(command, env={**KEYS, **environment}, capture_output=True, text=True, check=False)
        if ended.returncode:
            raise DisagreementError(f"{name}: {ended.stderr.strip().splitlines()[-1]}")
    return list(functions)


def _built() -> Path:
    if not (BUILT / "template.yaml").exists():
        raise AbsentError("the layers are not built: make build")
    return BUILT


def _shared_objects() -> Iterator[tuple[Path, str, tuple[int, ...]]]:
    for path in sorted(_built().rglob("*")):
        if path.is_file() and ".so" in path.name:
            content = path.read_bytes()
            if content.startswith(_ELF):
                (machine,) = struct.unpack_from("<H", content, _MACHINE_AT)
                needed = re.findall(rb"\0GLIBC_(\d+)\.(\d+)(?:\.\d+)?(?=\0)", content)
                yield (
                    path.relative_to(ROOT),
                    _MACHINES[machine],
                    max((tuple(map(int, it)) for it in needed), default=(0,)),
                )


def _plain(path: Path) -> str:
    """A name without what tells its architecture."""
    return re.sub(r"-[0-9a-f]{8}\b|x86_64|aarch64", "", path.name)


def _value(value: Any, parameters: dict[str, str]) -> str:
    """What a variable may be, once the stack is there."""
    match value:
        case {"Ref": name}:
            return parameters.get(str(name), str(name).lower())
        case {"Fn::If": [_, chosen, _]}:
            return _value(chosen, parameters)
        case dict():
            return json.dumps(value)
    return str(value)
