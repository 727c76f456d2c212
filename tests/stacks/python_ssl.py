"""Python's ssl module: a bare ``SSLContext``, which trusts nobody, plus the anchor.

``create_default_context()`` would add the machine's store.
"""

import socket
import ssl
from pathlib import Path

from tests.stacks.base import Credential, Outcome, RelyingParty, StackFailure, check_files
from tests.stacks.peers import (
    GREETING,
    JUDGING_ALERT,
    REQUEST,
    ask,
    connected,
    neutral_server,
    tls_server,
)


def context_of(party: RelyingParty, protocol: int) -> ssl.SSLContext:
    """The party's identity, anchor and CRL."""
    context = ssl.SSLContext(protocol)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(party.credential.chain, party.credential.key)
    context.load_verify_locations(party.trust)
    if party.crl:
        context.load_verify_locations(party.crl)
        context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
    return context


class PythonServer:
    """A thread with ``CERT_REQUIRED``."""

    name = "Python ssl server"
    checks_crl = True

    def missing(self) -> str | None:
        return None

    def judge_client(self, party: RelyingParty, client: Credential, folder: Path) -> Outcome:
        check_files(party, client)
        with tls_server(context_of(party, ssl.PROTOCOL_TLS_SERVER)) as server:
            answer = ask(server.port, client)
            heard = server.heard()
        if answer.ok:
            return Outcome(True, answer.first_line)
        if "CERTIFICATE_VERIFY_FAILED" in heard or JUDGING_ALERT.search(answer.failure):
            return Outcome(False, f"{heard}; {answer.failure}")
        raise StackFailure(f"no answer, yet no judgement: {answer}; the server: {heard}")


class PythonClient:
    """``PROTOCOL_TLS_CLIENT``, which checks the host name."""

    name = "Python ssl client"
    checks_crl = True

    def missing(self) -> str | None:
        return None

    def judge_server(
        self, party: RelyingParty, server: Credential, name: str, folder: Path
    ) -> Outcome:
        check_files(party, server)
        context = context_of(party, ssl.PROTOCOL_TLS_CLIENT)
        with neutral_server(server) as peer, connected(peer.port) as raw:
            try:
                received = exchange(context, raw, name)
            except ssl.SSLCertVerificationError as error:
                return Outcome(False, str(error))
            except OSError as error:
                raise StackFailure(f"no judgement: {error}; the peer: {peer.heard()}") from error
        if GREETING not in received:
            raise StackFailure(f"verified, but no greeting: {received!r}")
        return Outcome(True, received.splitlines()[0])


def exchange(context: ssl.SSLContext, raw: socket.socket, name: str) -> str:
    """Handshake, request, response."""
    with context.wrap_socket(raw, server_hostname=name) as tls:
        tls.sendall(REQUEST)
        return tls.recv(65536).decode(errors="replace")
