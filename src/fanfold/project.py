"""Where the system is: the folder with template.yaml, functions/, layers/ and events/."""

from pathlib import Path

from fanfold.errors import LocalStartError


def find_root() -> Path:
    """The folder of the system: the repository's, or the copy inside an installed wheel.

    Raises:
        LocalStartError: neither of them has a template.yaml.

    Example:
        >>> (find_root() / "template.yaml").is_file()
        True
    """
    package = Path(__file__).resolve().parent
    candidates = (package.parents[1], package / "_system")
    for root in candidates:
        if (root / "template.yaml").is_file():
            return root
    raise LocalStartError(f"No template.yaml in {' or '.join(str(root) for root in candidates)}.")
