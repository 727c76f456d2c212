"""The neutral peers, which trust everybody, and what may be concluded from their experience.

With TLS 1.3 a client believes itself accepted before the server has judged it, so the neutral
client counts an answer, never a finished handshake.
"""

import json
import queue
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.ports import LOOPBACK
from tests.stacks.base import Credential, Outcome, StackFailure
from tests.stacks.process import LAG_SECONDS, Finished, Server, matching, tail

SECONDS = 10.0
NOTE_SECONDS = 10.0
GREETING = "neutral-peer-answers"
REQUEST = b"GET / HTTP/1.0\r\nHost: neutral\r\n\r\n"
# The fields are what `bao status` wants to see; everybody else looks for the greeting only.
BODY = json.dumps({"initialized": True, "sealed": False, "t": 1, "n": 1, "version": GREETING})
RESPONSE = (
    "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
    f"Content-Length: {len(BODY)}\r\n\r\n{BODY}"
).encode()
JUDGING_ALERT = re.compile(
    r"alert (unknown ca|bad certificate|unsupported certificate"
    r"|certificate (revoked|expired|unknown))",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Answer:
    """What the neutral client got: an answer, or the end of the connection."""

    received: bytes
    failure: str

    @property
    def first_line(self) -> str:
        """The status line, if the server speaks HTTP."""
        return self.received.partition(b"\r\n")[0].decode(errors="replace")

    @property
    def ok(self) -> bool:
        """Whether the server answered the HTTP request with success."""
        return self.first_line.split(" ")[1:2] == ["200"]


def ask(
    port: int,
    client: Credential,
    request: bytes = REQUEST,
    before_tls: Callable[[socket.socket], None] = lambda _: None,
) -> Answer:
    """Connect as ``client``, trusting every server, send the request and read the answer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(client.chain, client.key)
    with connected(port) as raw:
        before_tls(raw)
        try:
            with context.wrap_socket(raw) as tls:
                tls.sendall(request)
                return Answer(tls.recv(65536), "closed without an answer")
        except TimeoutError as error:
            raise StackFailure(f"no answer within {SECONDS} s") from error
        except OSError as error:  # an alert, or the connection cut
            return Answer(b"", str(error))


def ask_plainly(port: int) -> bytes:
    """One HTTP request without TLS, to a proxy under test; the whole response."""
    with connected(port) as raw:
        raw.sendall(REQUEST)
        received = b""
        with suppress(ConnectionError):
            while chunk := raw.recv(65536):
                received += chunk
        return received


def connected(port: int) -> socket.socket:
    """A TCP connection to a server that is known to be ready."""
    try:
        return socket.create_connection((LOOPBACK, port), SECONDS)
    except OSError as error:
        raise StackFailure(f"port {port} cannot be reached: {error}") from error


@dataclass(frozen=True)
class TLSServer:
    """A Python ssl server in a thread; per connection it notes how the handshake went."""

    port: int
    notes: "queue.SimpleQueue[str]" = field(default_factory=queue.SimpleQueue)

    def heard(self) -> str:
        """The experience with the connections so far; StackFailure if nobody came."""
        try:
            notes = [self.notes.get(timeout=NOTE_SECONDS)]
        except queue.Empty:
            raise StackFailure("no TLS handshake was attempted with the peer") from None
        while not self.notes.empty():
            notes.append(self.notes.get())
        return "; ".join(notes)


@contextmanager
def tls_server(context: ssl.SSLContext) -> Iterator[TLSServer]:
    """Serve on a loopback port in a thread while the block runs."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        server = TLSServer(listener.getsockname()[1])
        thread = threading.Thread(target=answer_all, args=(listener, context, server.notes))
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)  # wakes the accept
            thread.join()


@contextmanager
def neutral_server(credential: Credential) -> Iterator[TLSServer]:
    """A server that presents the credential, requires nothing and answers everybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(credential.chain, credential.key)
    with tls_server(context) as server:
        yield server


def answer_all(
    listener: socket.socket, context: ssl.SSLContext, notes: "queue.SimpleQueue[str]"
) -> None:
    """Answer one connection after the other until the listener is shut down."""
    while True:
        try:
            raw, _ = listener.accept()
        except OSError:
            return
        with raw:
            raw.settimeout(SECONDS)
            notes.put(answer_one(raw, context))


def answer_one(raw: socket.socket, context: ssl.SSLContext) -> str:
    """One handshake, one request, one response; what happened, in words."""
    try:
        with context.wrap_socket(raw, server_side=True) as tls:
            request = b""
            while b"\r\n\r\n" not in request:
                if not (chunk := tls.recv(65536)):
                    return "closed before the request was sent"
                request += chunk
            tls.sendall(RESPONSE)
            with suppress(OSError):
                tls.settimeout(1)
                tls.unwrap()  # gnutls-cli calls an end without close_notify an error
            return "answered"
    except OSError as error:
        return str(error)


def server_judgement(
    server: Server, answer: Answer, accepted: bool, refusal: re.Pattern[str]
) -> Outcome:
    """Conclude from the answer; a refusal needs the server's own words or a judging alert."""
    if accepted:
        return Outcome(True, answer.first_line)
    alert = matching(answer.failure, JUDGING_ALERT)
    # Where an alert has judged already, the log is only for people to read.
    words = server.said(refusal, LAG_SECONDS if alert else NOTE_SECONDS)
    if words or alert:
        return Outcome(False, "; ".join(filter(None, (words, alert))))
    raise StackFailure(
        f"no answer, yet no judgement: {answer}; the server said: {tail(server.words())}"
    )


def client_judgement(run: Finished, peer: TLSServer, refusal: re.Pattern[str]) -> Outcome:
    """Conclude from the client's end; a refusal needs a handshake and the client's own words."""
    heard = peer.heard()
    if run.code == 0 and GREETING in run.output:
        return Outcome(True, f"the peer {heard}")
    words = matching(run.words, refusal)
    if run.code != 0 and words and "answered" not in heard:
        return Outcome(False, f"{words}; the peer: {heard}")
    raise StackFailure(
        f"exit code {run.code}, yet no judgement: the peer: {heard}; it said: {tail(run.words)}"
    )


def proxy_judgement(server: Server, peer: TLSServer, refusal: re.Pattern[str]) -> Outcome:
    """Ask a proxy whose upstream is the neutral server, and conclude from its response."""
    response = ask_plainly(server.port).decode(errors="replace")
    heard = peer.heard()
    if GREETING in response:
        return Outcome(True, f"the peer {heard}")
    alert = matching(heard, JUDGING_ALERT)
    words = server.said(refusal, LAG_SECONDS if alert else NOTE_SECONDS)
    if words or alert:
        return Outcome(False, "; ".join(filter(None, (words, alert))))
    raise StackFailure(
        f"no judgement: {response[:200]!r}; the peer: {heard}; it said: {tail(server.words())}"
    )
