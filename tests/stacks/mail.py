"""nginx as a mail proxy: a real SMTP server with STARTTLS, of which only the opening is used.

Its mail module is a package of its own. Nobody logs in, so nobody is asked who may.
"""

from pathlib import Path

from tests.ports import LOOPBACK
from tests.stacks.base import Credential
from tests.stacks.process import binary, missing

MODULE = Path("/usr/lib/nginx/modules/ngx_mail_module.so")
CONFIGURATION = """\
load_module {module};
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr info;
events {{ worker_connections 64; }}
mail {{
    server_name mail.example.internal;
    auth_http {address}:1;
    server {{
        listen {address}:{port};
        protocol smtp;
        smtp_auth plain;
        starttls on;
        ssl_certificate "{chain}";
        ssl_certificate_key "{key}";
    }}
}}
"""


def package_missing() -> str | None:
    """nginx, and the module beside it."""
    absent = None if MODULE.exists() else f"Debian package libnginx-mod-mail ({MODULE} not found)"
    return missing("nginx", "nginx") or absent


def command(folder: Path, credential: Credential, port: int) -> list[str]:
    """Write the configuration; the command line that serves it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "nginx.conf").write_text(
        CONFIGURATION.format(
            module=MODULE,
            address=LOOPBACK,
            port=port,
            chain=credential.chain,
            key=credential.key,
        )
    )
    return [binary("nginx"), "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]
