"""Hugging Face's inference container without its image: `python -I serve.py FOLDER`, in an environment of its packages.

Started by `localaws.endpoint.models.model_server`. Prints one line of JSON: `{"url": …}`, or `{"missing": PACKAGE}` and
ends. All that the server itself says goes to standard error. When the input ends, so does everything.

Only what the container has is imported here, and it is started as its own entry point does, which differs in three
points: it listens on all addresses, writes below /etc, and finds its process among all of the machine's.
"""

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

# Importing it would take the seconds that transformers does; `sagemaker_huggingface_inference_toolkit.serving` says it.
HANDLER = "sagemaker_huggingface_inference_toolkit.handler_service"


def main(folder: str) -> None:
    """Serve the model in a folder on a free port, until the input ends."""
    try:
        import mms  # noqa: F401, PLC0415 - whether it is there is the question
        import sagemaker_huggingface_inference_toolkit  # noqa: F401, PLC0415 - likewise
        from sagemaker_inference.environment import Environment  # noqa: PLC0415 - likewise
        from sagemaker_inference.model_server import (  # noqa: PLC0415 - likewise
            DEFAULT_MMS_LOG_FILE,
            _generate_mms_config_properties,
        )
    except ImportError as error:
        _say({"missing": str(error.name)})
        sys.exit(1)
    url = f"http://127.0.0.1:{_free_port()}"
    with tempfile.TemporaryDirectory(prefix="mms-", ignore_cleanup_errors=True) as own:
        config = Path(own, "mms.properties")
        config.write_text(_generate_mms_config_properties(Environment(), HANDLER), encoding="utf-8")
        options = ["--model-store", "/", "--models", f"model={folder}"]
        options += ["--mms-config", str(config), "--log-config", DEFAULT_MMS_LOG_FILE]
        # Its sockets, its process id and its logs lie in a folder of its own.
        addresses = {"MMS_INFERENCE_ADDRESS": url, "MMS_MANAGEMENT_ADDRESS": url}
        server = subprocess.Popen(  # noqa: S603 - the server
            [sys.executable, "-m", "mms.model_server", "--start", "--foreground", *options],
            cwd=own,
            env={**os.environ, **addresses, "PYTHONPATH": f"{folder}/code", "TMPDIR": own, "TEMP": own},
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            start_new_session=True,
        )
        _say({"url": url})
        threading.Thread(target=_end_with_the_input, args=(server.pid,), daemon=True).start()
        server.wait()
        # Its workers may outlive it.
        _kill(server.pid)


def _say(what: dict[str, str]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def _free_port() -> int:
    """Any that the server takes: it keeps ports in signed shorts, and the system's own choice lies above them."""
    for port in random.sample(range(1024, 32767), 1000):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    sys.exit("none of a thousand ports is free")


def _end_with_the_input(session: int) -> None:
    sys.stdin.read()
    _kill(session)


def _kill(session: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(session, signal.SIGKILL)


main(sys.argv[1])
