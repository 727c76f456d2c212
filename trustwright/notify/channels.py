"""The channels' URLs: secrets, so they come from the environment or a private file, and stay here.

No error of this module repeats a URL or a line of the file.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from trustwright.errors import ConfigurationError
from trustwright.model.estate import Notify

PREFIX = "TRUSTWRIGHT_NOTIFY_"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def variable(channel: str) -> str:
    """Return the environment variable of a channel: ``ops-chat`` → ``…_OPS_CHAT``."""
    return PREFIX + channel.upper().replace("-", "_")


def channel_urls(notify: Notify, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the URL of every channel that has one; environment variables go before the file.

    Raises:
        ConfigurationError: the file is missing, open to others or not of ``channel = URL`` lines
            (rules ``NOTIFY-FILE``, ``NOTIFY-MODE``, ``NOTIFY-LINE``).
    """
    found = {} if notify.urls_file is None else read_urls(notify.urls_file)
    return found | urls_from(notify, environ)


def urls_from(notify: Notify, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the URLs of the routes' channels that stand in the environment."""
    channels = {route.channel for route in notify.routes}
    return {each: url for each in channels if (url := environ.get(variable(each), "").strip())}


def channels_without_url(notify: Notify, urls: Mapping[str, str]) -> tuple[str, ...]:
    """Return the routes' channels that nobody gave a URL, sorted."""
    return tuple(sorted({route.channel for route in notify.routes} - urls.keys()))


def channel_warnings(notify: Notify, environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Return a sentence for each channel without a URL, or what is wrong with the file of URLs."""
    try:
        urls = channel_urls(notify, environ)
    except ConfigurationError as error:
        return (str(error),)
    return tuple(
        f"channel {name!r} has no URL: nobody hears what is routed to it → set {variable(name)}, "
        f"or give it a line in notify.urls_file"
        for name in channels_without_url(notify, urls)
    )


def read_urls(path: Path) -> dict[str, str]:
    """Return what a file of ``channel = URL`` lines says; ``#`` begins a comment line.

    Raises:
        ConfigurationError: see `channel_urls`.
    """
    try:
        with path.open(encoding="utf-8") as file:
            _refuse_open(path, os.fstat(file.fileno()))
            lines = file.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise ConfigurationError(
            f"the channels' URLs cannot be read: {reason}",
            rule="NOTIFY-FILE",
            hint="write lines like: ops = URL; or leave urls_file out of the estate",
            where=str(path),
        ) from None
    return _parsed(path, lines)


def _refuse_open(path: Path, facts: os.stat_result) -> None:
    if facts.st_mode & _OTHERS:
        raise ConfigurationError(
            f"mode {stat.S_IMODE(facts.st_mode):04o}: others may read the channels' URLs",
            rule="NOTIFY-MODE",
            hint=f"chmod 600 {path}",
            where=str(path),
        )


def _parsed(path: Path, lines: list[str]) -> dict[str, str]:
    urls: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        channel, equals, url = (part.strip() for part in line.partition("="))
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not (equals and channel and "://" in url) or channel in urls:
            said = "a channel stands here twice" if channel in urls else "not channel = URL"
            raise ConfigurationError(
                said, rule="NOTIFY-LINE", hint="one line: channel = URL", where=f"{path}:{number}"
            )
        urls[channel] = url
    return urls
