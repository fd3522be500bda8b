"""What runs from a start to a stop, or for as long as it is entered."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Lifetime(ABC):
    """Starts when it is entered and stops when it is left, whatever happens in between."""

    @abstractmethod
    def start(self) -> None:
        """Start everything, or nothing."""

    @abstractmethod
    def stop(self) -> None:
        """End everything."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
