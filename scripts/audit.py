#!/usr/bin/env python3
"""Look for known vulnerabilities of what ships: `make audit`, or `scripts/audit.py URL` for another OSV service.

Without a network nothing can be known: then it says so, and nothing has failed.
"""

import subprocess
import sys
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

ROOT = Path(__file__).parents[1]
OSV = "https://api.osv.dev/v1/query"
# The versions in the layers are among them; a test compares.
SHIPPED = ROOT / "requirements/runtime.txt"
PATIENCE_SECONDS = 10


def main(service: str = OSV) -> int:
    """The exit code of pip-audit: 1 if a package has a known vulnerability."""
    if not is_reachable(service):
        print(f"audit: skipped: {service} can't be reached")
        return 0
    tool = [str(ROOT / ".venv-supply/bin/pip-audit"), "--disable-pip", "--progress-spinner", "off"]
    command = [*tool, "--vulnerability-service", "osv", "--osv-url", service, "--requirement", str(SHIPPED)]
    return subprocess.run(command, check=False).returncode


def is_reachable(service: str) -> bool:
    """Whether anything answers there, be it that this is no way to ask."""
    try:
        urlopen(service, timeout=PATIENCE_SECONDS).close()  # noqa: S310 - as given by who calls this script
    except HTTPError:
        return True
    except OSError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
