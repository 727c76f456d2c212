"""Signing many: one event loop, pooled connections, the same judgement as everywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

import aiohttp

from trustwright.errors import TrustwrightError, Unavailable
from trustwright.vault import classify, replies
from trustwright.vault.client import tls_context
from trustwright.vault.leaves import sign_call

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trustwright.ports import SignOrder
    from trustwright.vault.client import Connection
    from trustwright.vault.replies import Call

CONCURRENCY = 16
"""Calls under way at once: more adds latency and no rate."""

Result = str | Exception


def sign_many(
    connection: Connection,
    mount: str,
    orders: Sequence[SignOrder],
    concurrency: int = CONCURRENCY,
) -> Sequence[Result]:
    """Return a PEM or the error for each order, in their order.

    The loop runs in a thread of its own, so that callers inside and outside of a running loop are
    served alike.
    """
    if not orders:
        return ()
    batch = _Batch(connection, mount, concurrency)
    with ThreadPoolExecutor(1, thread_name_prefix="bulk-sign") as thread:
        return thread.submit(asyncio.run, batch.run(orders)).result()


@dataclass(frozen=True)
class _Batch:
    connection: Connection
    mount: str
    concurrency: int

    async def run(self, orders: Sequence[SignOrder]) -> Sequence[Result]:
        try:
            await asyncio.to_thread(self.connection.token)
        except TrustwrightError as error:
            return [error] * len(orders)
        results: list[Result] = [Unavailable("not reached")] * len(orders)
        waiting = iter(enumerate(orders))
        async with self._session() as session:
            workers = min(self.concurrency, len(orders))
            await asyncio.gather(*(self._work(session, waiting, results) for _ in range(workers)))
        return results

    def _session(self) -> aiohttp.ClientSession:
        connect, reply = self.connection.timeout
        headers = {"X-Vault-Request": "true"}
        if self.connection.namespace:
            headers["X-Vault-Namespace"] = self.connection.namespace
        return aiohttp.ClientSession(
            self.connection.address,
            connector=aiohttp.TCPConnector(
                limit=self.concurrency, ssl=tls_context(self.connection.ca)
            ),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect, sock_read=reply),
            headers=headers,
            trust_env=False,
        )

    async def _work(
        self,
        session: aiohttp.ClientSession,
        waiting: Iterator[tuple[int, SignOrder]],
        results: list[Result],
    ) -> None:
        for place, order in waiting:
            try:
                results[place] = await self._sign(session, order)
            except TrustwrightError as error:
                results[place] = error

    async def _sign(self, session: aiohttp.ClientSession, order: SignOrder) -> str:
        call = sign_call(self.mount, order)
        token = self.connection.token()  # `run` has logged in: this asks nobody
        status, content = await self._send(session, call, token)
        if status == HTTPStatus.FORBIDDEN:
            token = await asyncio.to_thread(self.connection.renewed, token)
            status, content = await self._send(session, call, token)
        data = replies.judge(call, status, content)
        return replies.text(data, "certificate", call.where)

    async def _send(
        self, session: aiohttp.ClientSession, call: Call, token: str
    ) -> tuple[int, bytes]:
        try:
            async with session.post(
                f"/v1/{call.path}",
                json=call.body,
                headers={"X-Vault-Token": token},
                allow_redirects=False,
            ) as response:
                return response.status, await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            failure = _failure(error, call)
        # Outside the handler: the request, and in it the token, must not ride along as context.
        raise failure


def _failure(error: aiohttp.ClientError | TimeoutError, call: Call) -> TrustwrightError:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return classify.not_trusted(str(error.certificate_error), where=call.where)
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return classify.not_sent(type(error).__name__, where=call.where)
    return classify.not_answered(type(error).__name__, effect=True, where=call.where)
