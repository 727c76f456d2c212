"""Servers in threads: honest ones over Python's ssl, and ones that say whatever a test wants."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

from tests.ports import LOOPBACK
from tests.stacks import Credential

Talk = Callable[[socket.socket], None]
"""What a server does with a connection."""


@contextmanager
def talking(talk: Talk, scheme: str = "tls") -> Iterator[str]:
    """Serve connections by `talk` while the block runs; yields the probe."""
    with socket.create_server((LOOPBACK, 0)) as listener, ExitStack() as open_lines:
        server = threading.Thread(target=_accept, args=(listener, talk, open_lines))
        server.start()
        try:
            yield f"{scheme}://{LOOPBACK}:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)  # wakes the accept
            open_lines.close()
            server.join()


def _accept(listener: socket.socket, talk: Talk, open_lines: ExitStack) -> None:
    while True:
        try:
            line, _ = listener.accept()
        except OSError:
            return
        open_lines.callback(_hang_up, line)
        with suppress(OSError):
            talk(line)


def _hang_up(line: socket.socket) -> None:
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
    line.close()


def tls(
    credential: Credential,
    version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
    *,
    wants_certificate: bool = False,
    before: Talk = lambda _line: None,
) -> Talk:
    """Return an honest TLS server of exactly one version."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = version
    context.load_cert_chain(credential.chain, credential.key)
    if wants_certificate:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(credential.chain)

    def talk(line: socket.socket) -> None:
        before(line)
        with context.wrap_socket(line, server_side=True) as secured:
            secured.recv(1)

    return talk


def saying(*texts: bytes, hang_up: bool = False) -> Talk:
    """Return a server that answers each thing that it hears with the next text; the first at once.

    Then it hangs up, or says nothing more.
    """

    def talk(line: socket.socket) -> None:
        for number, text in enumerate(texts):
            if number:
                line.recv(4096)
            line.sendall(text)
        if hang_up:
            _hang_up(line)

    return talk


def for_ever(text: bytes) -> Talk:
    """Return a server that repeats itself until the line breaks."""

    def talk(line: socket.socket) -> None:
        while True:
            line.sendall(text)

    return talk
