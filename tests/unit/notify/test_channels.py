"""Where the channels' URLs come from, and that errors keep them."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from trustwright.errors import ConfigurationError
from trustwright.model.estate import Notify, Route
from trustwright.notify.channels import channel_urls, channels_without_url, read_urls, variable

pytestmark = pytest.mark.unit

SECRET = "xoxb-s3cret"
ROUTES = (Route(channel="ops-chat"), Route(channel="mail"))


def private(folder: Path, text: str, mode: int = 0o600) -> Path:
    """Write a file of URLs."""
    path = folder / "urls"
    path.write_text(text)
    path.chmod(mode)
    return path


def refused(path: Path) -> ConfigurationError:
    """Return the error for this file; nothing of it shows the secret."""
    with pytest.raises(ConfigurationError) as raised:
        read_urls(path)
    assert SECRET not in "".join(traceback.format_exception(raised.value))
    return raised.value


def test_the_variable_of_a_channel() -> None:
    """Upper case, hyphens become underscores."""
    assert variable("ops-chat") == "TRUSTWRIGHT_NOTIFY_OPS_CHAT"


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    """A variable wins, an empty one counts as not set, the file gives the rest."""
    path = private(
        tmp_path, f"# chat\n\nops-chat = json://file\n  mail=mailto://u:{SECRET}@h/?a=b\n"
    )
    notify = Notify(urls_file=path, routes=ROUTES)
    urls = channel_urls(notify, {"TRUSTWRIGHT_NOTIFY_OPS_CHAT": "json://variable"})
    assert urls == {"ops-chat": "json://variable", "mail": f"mailto://u:{SECRET}@h/?a=b"}
    empty = channel_urls(notify, {"TRUSTWRIGHT_NOTIFY_OPS_CHAT": " "})
    assert empty["ops-chat"] == "json://file"


def test_without_a_file_only_variables_count() -> None:
    """No file is named: the environment is all there is."""
    notify = Notify(routes=ROUTES)
    urls = channel_urls(notify, {"TRUSTWRIGHT_NOTIFY_MAIL": "json://h", "TRUSTWRIGHT_HOME": "/x"})
    assert urls == {"mail": "json://h"}
    assert channels_without_url(notify, urls) == ("ops-chat",)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    """Any right of group or others is one too many."""
    path = private(tmp_path, f"mail = json://{SECRET}\n", mode)
    error = refused(path)
    assert error.rule == "NOTIFY-MODE"
    assert (error.hint, error.where) == (f"chmod 600 {path}", str(path))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """The error names the file."""
    error = refused(tmp_path / "urls")
    assert (error.rule, error.where) == ("NOTIFY-FILE", str(tmp_path / "urls"))


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """Bytes that are not UTF-8."""
    path = private(tmp_path, "")
    path.write_bytes(b"mail = json://\xff")
    assert refused(path).rule == "NOTIFY-FILE"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (SECRET, "not channel = URL"),
        (f"= json://{SECRET}", "not channel = URL"),
        (f"mail = {SECRET}", "not channel = URL"),
        (f"ops = json://{SECRET}", "a channel stands here twice"),
    ],
)
def test_a_line_that_does_not_read_is_refused(tmp_path: Path, line: str, said: str) -> None:
    """The error names file and line number, never the line."""
    path = private(tmp_path, f"ops = json://h\n{line}\n")
    error = refused(path)
    assert (error.what, error.rule, error.where) == (said, "NOTIFY-LINE", f"{path}:2")
