"""A function of the program that starts the endpoint, which stands in for a model."""

from __future__ import annotations

from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any

from localaws.endpoint.models import huggingface

if TYPE_CHECKING:
    from collections.abc import Callable


class FunctionModel:
    """Calls a function with the inputs of a request, and with its parameters as far as it takes them.

    What it raises is answered as Hugging Face's container answers exceptions: with 400, which fails the request. So is
    what ends a program or a test, such as `pytest.fail`: it would only end the thread, and the request had no answer.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        taken = signature(function).parameters.values()
        self._takes_all = any(one.kind is Parameter.VAR_KEYWORD for one in taken)
        self._names = {
            one.name for one in taken if one.kind in {Parameter.KEYWORD_ONLY, Parameter.POSITIONAL_OR_KEYWORD}
        }

    def predict(self, body: bytes, content_type: str, accept: str) -> bytes:
        """See `Model.predict`."""
        call = huggingface.decode(body, content_type, accept)
        taken = {name: value for name, value in call.parameters.items() if self._takes_all or name in self._names}
        try:
            return huggingface.encode(self._function(call.inputs, **taken))
        except BaseException as error:
            raise huggingface.refused(f"{type(error).__name__}: {error}") from error
