"""A loopback port in front of a UNIX socket, for programs that know no other way."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.ports import LOOPBACK

_CHUNK = 65_536


@contextmanager
def relayed(target: Path) -> Iterator[int]:
    """Yield a port whose connections lead to a UNIX socket while the block runs."""
    with socket.create_server((LOOPBACK, 0)) as server:
        threading.Thread(target=_accept, args=(server, str(target)), daemon=True).start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)


def _accept(server: socket.socket, target: str) -> None:
    with suppress(OSError):  # shut down at the end
        while True:
            near, _ = server.accept()
            far = socket.socket(socket.AF_UNIX)
            far.connect(target)
            for pair in ((near, far), (far, near)):
                threading.Thread(target=_pass_on, args=pair, daemon=True).start()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(_CHUNK):
            sink.sendall(data)
    for each in (source, sink):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()
