"""The client that `sign_many` is measured against: the calls alone, nothing judged."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

import aiohttp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from trustwright.ports import SignOrder
from trustwright.vault.client import Connection

Signed = tuple[SignOrder, x509.Certificate]


@dataclass(frozen=True)
class RawClient:
    """An aiohttp loop: key, request, signature by a pinned issuer, parse.

    Attributes:
        connection: whose server, namespace and token are used; its code is not.
        mount: of the issuer.
        concurrency: calls under way at once.
    """

    connection: Connection
    mount: str
    concurrency: int

    def sign(self, orders: Iterator[SignOrder]) -> list[Signed]:
        """Return the certificate for each order; raises whatever goes wrong."""
        return asyncio.run(self._run(orders))

    async def _run(self, orders: Iterator[SignOrder]) -> list[Signed]:
        found: list[Signed] = []
        async with self._session() as session:
            work = [self._work(session, orders, found) for _ in range(self.concurrency)]
            await asyncio.gather(*work)
        return found

    def _session(self) -> aiohttp.ClientSession:
        context = ssl.create_default_context(cafile=self.connection.ca)
        return aiohttp.ClientSession(
            self.connection.address,
            connector=aiohttp.TCPConnector(limit=self.concurrency, ssl=context),
            headers={
                "X-Vault-Token": self.connection.token(),
                "X-Vault-Namespace": self.connection.namespace,
            },
        )

    async def _work(
        self, session: aiohttp.ClientSession, orders: Iterator[SignOrder], found: list[Signed]
    ) -> None:
        for order in orders:
            path = f"/v1/{self.mount}/issuer/{order.issuer_id}/sign/{order.role}"
            async with session.post(path, json=_body(order)) as response:
                reply = await response.json()
            pem = reply["data"]["certificate"].encode()
            found.append((order, x509.load_pem_x509_certificate(pem)))


def raw_request(name: str) -> str:
    """Return a certification request over a new P-256 key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return made.public_bytes(Encoding.PEM).decode()


def _body(order: SignOrder) -> dict[str, str]:
    return {
        "csr": order.csr,
        "common_name": order.names[0],
        "alt_names": ",".join(order.names),
        "uri_sans": ",".join(order.uris),
        "ttl": f"{order.ttl}s",
    }
