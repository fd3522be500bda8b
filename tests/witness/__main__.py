"""`python -m tests.witness [NAME…]`: hear witnesses, one line each. `make witness` brings what they need.

Exits with 1 if one disagrees, and otherwise with 3 if one could not be heard.
"""

import argparse
import logging
import sys
import time
import traceback
from collections.abc import Sequence

from tests.witness import binaries, calls, deploying, pipeline, policies, samconfig, schedules
from tests.witness.witness import AbsentError, DisagreementError

WITNESSES = {
    "parliament": policies.statements,
    "sam": samconfig.round_trips,
    "cdk": deploying.by_cdk,
    "terraform": deploying.by_terraform,
    "glibc": binaries.glibc,
    "python": binaries.imports,
    "models": calls.of_schedules,
    "ministack": pipeline.on_ministack,
    "dynalite": pipeline.on_dynalite,
    "crashes": schedules.crashes,
    "schedules": schedules.soak,
}
DISAGREED, ABSENT = 1, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Hear those that are named, or all; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.witness")
    # argparse holds a default of several names for one that is none of the choices; nothing stands for all.
    parser.add_argument("names", nargs="*", choices=[*WITNESSES, []])
    return hear(parser.parse_args(arguments).names or [*WITNESSES])


def hear(names: Sequence[str]) -> int:
    """Hear these witnesses, whatever the others say; the exit code."""
    codes = [_hear(name) for name in names]
    return DISAGREED if DISAGREED in codes else max(codes)


def _hear(name: str) -> int:
    began, code = time.monotonic(), 0
    try:
        word, said = "agrees", WITNESSES[name]()
    except AbsentError as error:
        word, said, code = "SKIPPED", str(error), ABSENT
    except DisagreementError as error:
        word, said, code = "DISAGREES", str(error), DISAGREED
    except Exception:  # noqa: BLE001 # the other witnesses are heard all the same
        word, said, code = "FAILED", traceback.format_exc(), DISAGREED
    print(f"{name} {word} ({time.monotonic() - began:.0f} s): {said}", flush=True)
    return code


if __name__ == "__main__":
    # When it ends, SAM's translator warns of metrics that nobody wants of it.
    logging.disable(logging.WARNING)
    sys.exit(main())
