"""A KV engine of version 2 in memory, which keeps one version of each secret."""

from __future__ import annotations

from collections.abc import Mapping

from trustwright.errors import ConflictError
from trustwright.ports import Secret


class FakeSecrets:
    """The secrets of one mount (fulfils `trustwright.ports.Secrets`).

    Attributes:
        held: newest version by path; None once it is deleted. A test may look and write.
        numbers: of the newest version, by path.
    """

    def __init__(self) -> None:
        self.held: dict[str, Mapping[str, object] | None] = {}
        self.numbers: dict[str, int] = {}

    def read(self, path: str) -> Secret | None:
        """Return the newest version."""
        data = self.held.get(path)
        return None if data is None else Secret(self.numbers[path], data)

    def version(self, path: str) -> int:
        """Return the newest version's number."""
        return self.numbers.get(path, 0)

    def write(self, path: str, data: Mapping[str, str], *, expected: int) -> None:
        """Write the next version."""
        if expected != self.version(path):
            raise ConflictError("not the newest version", rule="DLV-CONFLICT")
        self.put(path, data)

    def put(self, path: str, data: Mapping[str, object] | None) -> None:
        """Write as somebody does who does not look, or delete."""
        if data is not None:
            self.numbers[path] = self.version(path) + 1
        self.held[path] = None if data is None else dict(data)
