"""Where the system is: the folder with template.yaml, functions/, layers/ and events/."""

from pathlib import Path

from fanfold.errors import UserError


class ProjectNotFoundError(UserError):
    """There is no template.yaml where one was expected. Do not retry."""


def find_root() -> Path:
    """The folder of the system: the repository's, or the copy inside an installed wheel.

    Raises:
        ProjectNotFoundError: neither of them has a template.yaml.

    Example:
        >>> (find_root() / "template.yaml").is_file()
        True
    """
    package = Path(__file__).resolve().parent
    candidates = (package.parents[1], package / "_system")
    for root in candidates:
        if (root / "template.yaml").is_file():
            return root
    raise ProjectNotFoundError(f"No template.yaml in {' or '.join(str(root) for root in candidates)}.")
