"""Telling people: every matching channel at once, within a time limit, whatever breaks."""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from trustwright.clock import Clock
from trustwright.errors import TrustwrightError
from trustwright.model.estate import Notify
from trustwright.model.records import AuditRecord
from trustwright.notify.channels import channel_urls, urls_from
from trustwright.notify.routes import channels_for
from trustwright.ports import Notice, Rows

if TYPE_CHECKING:
    from apprise import Apprise

LIMIT = 15.0
"""Seconds for all channels together; apprise itself waits four for a connection and an answer."""

_LOG = logging.getLogger(__name__)
_THREAD = "trustwright-notify-"
# What apprise and its HTTP client log: addresses in which the token is a part of the path.
_TALKATIVE = ("apprise", "urllib3.connectionpool", "requests")


class AppriseNotifier:
    """`trustwright.ports.Notifier` over apprise.

    The URLs are read anew for each notice, so a token can be replaced under a running flow.

    Args:
        notify: channels and routes of the estate.
        audit: where a channel that failed is recorded (``trustwright.notice.failed``).
        environ: where the channels' variables are looked up.
        limit: seconds that `tell` may take, all channels together.
    """

    def __init__(
        self,
        notify: Notify,
        audit: Rows[AuditRecord],
        clock: Clock,
        *,
        environ: Mapping[str, str] = os.environ,
        limit: float = LIMIT,
    ) -> None:
        self._notify = notify
        self._audit = audit
        self._clock = clock
        self._environ = environ
        self._limit = limit
        self._busy: dict[str, _Sending] = {}
        for name in _TALKATIVE:
            logging.getLogger(name).addFilter(_keeps_secrets)

    def tell(self, notice: Notice) -> tuple[str, ...]:
        """Send to every matching channel; return the channels that failed. Never raises."""
        channels = channels_for(notice, self._notify)
        try:
            failed = self._send(notice, channels)
        except Exception as error:  # noqa: BLE001 - telling people must never end a flow
            failed = dict.fromkeys(channels, f"apprise failed with {type(error).__name__}")
        for channel, reason in failed.items():
            self._report(notice, channel, reason)
        return tuple(channel for channel in channels if channel in failed)

    def _send(self, notice: Notice, channels: tuple[str, ...]) -> dict[str, str]:
        """Return why, for each channel that failed."""
        urls, no_url = self._urls()
        failed = {name: no_url for name in channels if name not in urls}
        started: dict[str, _Sending] = {}
        for name in channels:
            if name in urls and (problem := self._start(name, urls[name], notice, started)):
                failed[name] = problem
        return failed | self._wait(started)

    def _urls(self) -> tuple[dict[str, str], str]:
        """Return the URLs, and what to say about a channel that has none."""
        try:
            return channel_urls(self._notify, self._environ), "it has no URL"
        except TrustwrightError as error:
            return urls_from(self._notify, self._environ), f"its URL cannot be read: {error}"

    def _start(self, channel: str, url: str, notice: Notice, started: dict[str, _Sending]) -> str:
        """Send in a thread of its own; return why not, or an empty text."""
        earlier = self._busy.get(channel)
        if earlier is not None and earlier.is_alive():
            return "it still hangs in an earlier notice"
        apprise = _opened(url)
        if apprise is None:
            return "apprise does not understand its URL"
        started[channel] = self._busy[channel] = _Sending(channel, apprise, notice)
        started[channel].start()
        return ""

    def _wait(self, started: dict[str, _Sending]) -> dict[str, str]:
        """Wait for every channel together; return why, for each that failed."""
        deadline = time.monotonic() + self._limit
        failed = {}
        for channel, sending in started.items():
            sending.join(max(deadline - time.monotonic(), 0))
            problem = "no answer in time" if sending.is_alive() else sending.problem
            if problem:
                failed[channel] = problem
        return failed

    def _report(self, notice: Notice, channel: str, reason: str) -> None:
        _LOG.warning("%s: channel %s failed: %s", notice.event, channel, reason)
        now = self._clock.now()
        record = AuditRecord(
            id=secrets.token_hex(16),
            at=now,
            event="trustwright.notice.failed",
            environment=notice.environment,
            subject=channel,
            actor="notify",
            detail=f"{notice.event}: {reason}"[:500],
        )
        try:
            self._audit.insert(record)
        except Exception as error:  # noqa: BLE001 - telling people must never end a flow
            _LOG.warning(
                "the failure of channel %s was not recorded: %s", channel, type(error).__name__
            )


class _Sending(threading.Thread):
    """One notice on its way to one channel; a daemon, so a hanging one holds up no exit."""

    def __init__(self, channel: str, apprise: Apprise, notice: Notice) -> None:
        super().__init__(name=_THREAD + channel, daemon=True)
        self._apprise = apprise
        self._notice = notice
        self.problem = ""

    @override
    def run(self) -> None:
        """Send, and leave in `problem` what went wrong."""
        try:
            if not self._apprise.notify(**_message(self._notice)):
                self.problem = "it was not reached, or it refused the notice"
        except Exception as error:  # noqa: BLE001 - a hundred services, any exception
            # Its text may quote the URL.
            self.problem = f"apprise failed with {type(error).__name__}"


def _opened(url: str) -> Apprise | None:
    """Return apprise with this one URL, or None when it does not understand it."""
    import apprise  # noqa: PLC0415 - slow to import, and most commands tell nobody

    # No foreign pictures and names in our messages.
    asset = apprise.AppriseAsset(
        app_id="Trustwright",
        app_desc="Trustwright",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        async_mode=False,
    )
    opened = apprise.Apprise(asset=asset)
    return opened if opened.add(url) else None


def _message(notice: Notice) -> dict[str, Any]:
    body = notice.body
    if notice.link and notice.link not in body:
        body = f"{body}\n\n{notice.link}"
    # The values of apprise.NotifyType and apprise.NotifyFormat.
    kind = {"info": "info", "warning": "warning", "critical": "failure"}[notice.severity]
    return {"title": notice.title, "body": body, "notify_type": kind, "body_format": "text"}


def _keeps_secrets(record: logging.LogRecord) -> bool:
    """Return whether a line of apprise or its HTTP client may be logged."""
    return record.name != "apprise" and not (record.threadName or "").startswith(_THREAD)
