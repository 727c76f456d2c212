"""One issuer and two ways to have it sign: through `Signer.sign_many`, and with a raw client."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count, islice
from typing import Final

from cryptography.x509 import Certificate

from bench.raw import RawClient, Signed, raw_request
from bench.world import ENVIRONMENT
from tests.e2e.real import RealWorld
from trustwright.clock import SystemClock
from trustwright.model.profile import Subject
from trustwright.policy.naming import issuer_name, workload_uri
from trustwright.ports import SignOrder
from trustwright.vault import bulk, connect
from trustwright.x509 import parse
from trustwright.x509.build import build_request
from trustwright.x509.keys import generate_key
from trustwright.x509.lint import refuse
from trustwright.x509.lint.matches import matches_order
from trustwright.x509.path import verify_path
from trustwright.x509.profiles import end_entity_profile

ROLE: Final = "server"
SUBJECT: Final = "billing"
"""A consumer of the estate: the role signs no other's URI."""
TTL = 3600


class Issuing:
    """The first intermediate of a bootstrapped environment, asked by two clients."""

    def __init__(self, world: RealWorld) -> None:
        ports = world.ports
        self.estate, self.facts = ports.estate, ports.estate.environments[ENVIRONMENT]
        record = next(ports.store.issuers.find(id=issuer_name(ENVIRONMENT, 1)))
        self.issuer_id = record.issuer_id or ""
        self.intermediate = parse.certificate(record.certificate or "")
        self.anchor = parse.certificate(record.anchor or "")
        self.signer = ports.signer(ENVIRONMENT)
        self.raw = RawClient(
            connect.connect("issuer", ENVIRONMENT, self.facts),
            self.facts.vault.mount,
            bulk.CONCURRENCY,
        )
        self._numbers = count(1)

    def by_sign_many(self, amount: int) -> list[Signed]:
        """Have the adapter's bulk path sign; raises the first error that it reports."""
        orders = [self._order(name, self._request(name)) for name in self._names(amount)]
        return list(zip(orders, map(_parsed, self.signer.sign_many(orders)), strict=True))

    def by_raw_client(self, amount: int) -> list[Signed]:
        """Have a bare loop sign; each request is made when its turn comes."""
        return self.raw.sign(self._order(name, raw_request(name)) for name in self._names(amount))

    def check(self, signed: Iterable[Signed]) -> None:
        """Compare each certificate with its order and validate its path.

        Raises:
            VerificationError, LintViolation: one is not what was ordered.
        """
        for order, certificate in signed:
            profile = end_entity_profile(
                organization=self.estate.organization,
                environment=ENVIRONMENT,
                role_usage=self.facts.roles[ROLE].usage,
                names=order.names,
                uris=order.uris,
                policy=self.facts.policy,
                ttl=order.ttl,
            )
            now, spki = SystemClock().now(), parse.spki_sha256(parse.request(order.csr))
            refuse(matches_order(certificate, profile, spki, now=now))
            verify_path(
                certificate,
                [self.intermediate],
                [self.anchor],
                at=now,
                usage=ROLE,
                name=order.names[0],
            )

    def _names(self, amount: int) -> Iterator[str]:
        return (f"h{number}.{self.facts.domain}" for number in islice(self._numbers, amount))

    def _request(self, name: str) -> str:
        subject = Subject(organization=self.estate.organization, unit=ENVIRONMENT, common_name=name)
        return build_request(generate_key(self.facts.roles[ROLE].key), subject, (name,))

    def _order(self, name: str, csr: str) -> SignOrder:
        uri = workload_uri(self.facts, ROLE, SUBJECT)
        return SignOrder(self.issuer_id, ROLE, csr, (name,), (uri,), TTL)


def _parsed(result: str | Exception) -> Certificate:
    if isinstance(result, Exception):
        raise result
    return parse.certificate(result)
