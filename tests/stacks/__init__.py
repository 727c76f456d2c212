"""Real TLS handshakes on loopback with real TLS implementations.

    >>> for stack in SERVERS:
    ...     outcome = stack.judge_client(party, client, folder / stack.name)
    ...     print(stack.name, "accepts" if outcome.accepted else "refuses", outcome.detail)

``SERVERS`` judge client certificates, ``CLIENTS`` judge server certificates. A judgement is an
``Outcome``; whatever is no judgement (not started, not reachable, unusable file) raises
``StackFailure``, so that no test passes because of a broken configuration.
"""

from tests.stacks.base import (
    ClientStack,
    Credential,
    Outcome,
    RelyingParty,
    ServerStack,
    Stack,
    StackFailure,
)
from tests.stacks.curl import CurlClient
from tests.stacks.gnutls import GnuTLSClient, GnuTLSServer
from tests.stacks.haproxy import HAProxyClient, HAProxyServer
from tests.stacks.jsse import JavaClient, JavaServer
from tests.stacks.nginx import NginxClient, NginxServer
from tests.stacks.node import NodeClient, NodeServer
from tests.stacks.openbao import OpenBaoClient, OpenBaoServer
from tests.stacks.openssl import OpenSSLClient, OpenSSLServer
from tests.stacks.postgresql import PostgreSQLClient, PostgreSQLServer
from tests.stacks.python_ssl import PythonClient, PythonServer

SERVERS: tuple[ServerStack, ...] = (
    OpenSSLServer(),
    NginxServer(),
    HAProxyServer(),
    GnuTLSServer(),
    JavaServer(),
    NodeServer(),
    PythonServer(),
    PostgreSQLServer(),
    OpenBaoServer(),
)

CLIENTS: tuple[ClientStack, ...] = (
    OpenSSLClient(),
    CurlClient(),
    NginxClient(),
    HAProxyClient(),
    GnuTLSClient(),
    JavaClient(),
    NodeClient(),
    PythonClient(),
    PostgreSQLClient(),
    OpenBaoClient(),
)

__all__ = [
    "CLIENTS",
    "SERVERS",
    "ClientStack",
    "Credential",
    "Outcome",
    "RelyingParty",
    "ServerStack",
    "Stack",
    "StackFailure",
]
