"""A chat server on loopback: takes what apprise's ``json://`` sends."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Chat:
    """What was said.

    Attributes:
        url: apprise URL of this channel.
    """

    url: str = ""
    messages: list[dict[str, str]] = field(default_factory=list)

    def about(self, environment: str, text: str) -> list[dict[str, str]]:
        """Return the messages about an environment whose title holds a text."""
        titled = [each for each in self.messages if each["title"].startswith(environment)]
        return [message for message in titled if text in message["title"]]


@contextmanager
def listening() -> Iterator[Chat]:
    """Run the server until the block is left."""
    chat = Chat()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            chat.messages.append(json.loads(self.rfile.read(length)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    chat.url = f"json://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield chat
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
