"""What functions share: the layers and modules that their workers can be forked with (ADR 24)."""

import ast
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import reduce
from pathlib import Path
from typing import IO

from localaws.functions.forks import ForkServer
from localaws.functions.workers import shared_environment
from localaws.lifetime import Lifetime
from localaws.template import FunctionCode


class ForkServers(Lifetime):
    """A fork server for all functions that have the same layers.

    Example:
        >>> with ForkServers(template.load(root).functions, open("functions.log", "w")) as servers:
        ...     servers.of["SplitterFunction"].fork("handler.handler", Path("functions/splitter"), {})
    """

    def __init__(self, functions: Mapping[str, FunctionCode], log: IO[str]) -> None:
        """Take functions by logical id, and where the servers complain."""
        self.of: dict[str, ForkServer] = {}
        by_layers: defaultdict[tuple[Path, ...], dict[str, FunctionCode]] = defaultdict(dict)
        for name, code in functions.items():
            by_layers[tuple(dict.fromkeys(code.layers))][name] = code
        for layers, several in by_layers.items():
            server = ForkServer(layers, imported_by_all(several.values()), shared_environment(), log)
            self.of |= dict.fromkeys(several, server)

    def start(self) -> None:
        """Begin to import what is shared."""
        for server in set(self.of.values()):
            server.start()

    def stop(self) -> None:
        """End them. Workers must have ended."""
        for server in set(self.of.values()):
            server.stop()


def imported_by_all(functions: Iterable[FunctionCode]) -> list[str]:
    """Names of the modules that all handlers import, and of what they import from these, modules or not.

    What a module of this name could be in the folder of one of them is left out: each may have its own.
    """
    several = list(functions)
    first, *others = (_imported(code.folder / f"{code.handler.rpartition('.')[0]}.py") for code in several)
    shared = reduce(lambda names, more: [name for name in names if name in more], others, first)
    return [name for name in shared if not any(_has(code.folder, name.partition(".")[0]) for code in several)]


def _imported(file: Path) -> list[str]:
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        # The worker will say so, with words of its own.
        return []
    names: list[str] = []
    for statement in tree.body:
        match statement:
            case ast.Import():
                names += [alias.name for alias in statement.names]
            case ast.ImportFrom(module=str(module), level=0):
                names += [module, *(f"{module}.{alias.name}" for alias in statement.names)]
    return names


def _has(folder: Path, module: str) -> bool:
    return (folder / module).is_dir() or any(folder.glob(f"{module}.*"))
