"""What stands in for the container without it: `python -m tests.container.imitation FOLDER`, where transformers is.

Serves the models that a folder's tasks.json names, by the task that a request names, and the first one to requests that
name none. Prints its address.
"""

import json
import os
import sys
from http.server import ThreadingHTTPServer
from pathlib import Path

from tests.containers import Container

from localaws.endpoint.models import ModelError, TransformersModel

folder = Path(sys.argv[1])
named: dict[str, str] = json.loads((folder / "tasks.json").read_text(encoding="utf-8"))
models = {task: TransformersModel(folder / model, task, os.environ) for task, model in named.items()}
first = next(iter(models.values()))


class Handler(Container):
    """Asks the model."""

    def invoke(self, body: bytes) -> tuple[int, bytes]:
        model = first
        if body.startswith(b'{"task"'):
            request = json.loads(body)
            model, body = models[request.pop("task")], json.dumps(request).encode()
        try:
            return 200, model.predict(body, self.headers.get("Content-Type", ""), self.headers.get("Accept", ""))
        except ModelError as error:
            return error.status, error.message.encode()


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)  # noqa: T201 - it says where
server.serve_forever()
