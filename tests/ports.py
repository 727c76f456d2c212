"""Loopback ports for servers that tests start."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

LOOPBACK = "127.0.0.1"
PORTS = range(20_000, 32_000)  # below the range that Linux gives to outgoing connections
_kept = ExitStack()


def free_port() -> int:
    """Return a port that is ours until this process ends."""
    return _kept.enter_context(reserved_port())


@contextmanager
def reserved_port() -> Iterator[int]:
    """A port that no other user of this module takes while the block runs.

    The reservation is an abstract UNIX socket: it disappears with this process.
    """
    with socket.socket(socket.AF_UNIX) as reservation:
        for port in random.sample(PORTS, len(PORTS)):
            if can_reserve(port, reservation):
                yield port
                return
    raise RuntimeError(f"no free port in {PORTS}")


def can_reserve(port: int, reservation: socket.socket) -> bool:
    """Whether nobody listens on the port and the reservation is now ours."""
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((LOOPBACK, port))
        reservation.bind(f"\0trustwright-stacks-{port}")
    except OSError:
        return False
    return True
