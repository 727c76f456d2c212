"""A whole ceremony with the base install alone: from a wheelhouse, by hash, without a network."""

import json
import socket
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from packaging.utils import canonicalize_name

from requirements import lock
from tests.packaging.offline import OfflineMachine, cut_off
from trustwright.ceremony.checks import check_response
from trustwright.ceremony.ledger import file_form
from trustwright.ceremony.request import request_file_name, seal_intermediate_request
from trustwright.ceremony.response import open_response, output_name
from trustwright.ceremony.words import words_of
from trustwright.cli.root import COMMANDS
from trustwright.clock import SystemClock
from trustwright.ids import serial_text
from trustwright.model.ceremony import Request, Response
from trustwright.x509 import parse
from trustwright.x509.build import build_request
from trustwright.x509.crl import crl_number, verify_crl
from trustwright.x509.keys import generate_key
from trustwright.x509.profiles import intermediate_profile

pytestmark = [
    pytest.mark.packaging,
    pytest.mark.registry,  # the wheelhouse is filled from it; the install and the ceremony are not
    pytest.mark.timeout(300),
]

DOMAINS = {"prod": "prod.example.internal", "test": "test.example.internal"}
POLICIES = {"prod": "1.3.6.1.4.1.32473.1.2", "test": "1.3.6.1.4.1.32473.1.1"}
ONLINE = ("prefect", "hvac", "apprise", "sqlalchemy", "requests", "httpx", "aiohttp", "ruamel")
OFFLINE_HALF = {
    *("trustwright", "trustwright.errors", "trustwright.clock", "trustwright.ids"),
    *("trustwright.canonical", "trustwright.cli", "trustwright.cli.lazy", "trustwright.cli.root"),
    "trustwright.cli.terminal",
}
OFFLINE_FOLDERS = (
    *("trustwright.ceremony", "trustwright.x509", "trustwright.policy", "trustwright.model"),
    "trustwright.cli.root_",
)


@dataclass(frozen=True)
class Held:
    """What a ceremony left behind.

    Attributes:
        machine: where it was held.
        root: the root's certificate, as the machine showed it.
        request: what was carried in.
        response: what was carried out.
        crl: the root CRL that was signed afterwards.
        audit: what ``transcript verify --json`` said at the end.
    """

    machine: OfflineMachine
    root: x509.Certificate
    request: Request
    response: Response
    crl: x509.CertificateRevocationList
    audit: dict[str, object]


def ask_for(root: x509.Certificate) -> Request:
    """Seal a request for the first intermediate of *test*, as the online half does."""
    now, key = SystemClock().now(), generate_key("ec-p384")
    profile = intermediate_profile(
        organization="Example",
        environment="test",
        domain=DOMAINS["test"],
        policy=POLICIES["test"],
        generation=1,
        validity=730 * 86_400,
    )
    return seal_intermediate_request(
        environment="test",
        generation=1,
        csr=build_request(key, profile.subject),
        profile=profile,
        root_fingerprint=parse.fingerprint(root),
        previous=None,
        created=now,
        expires=now + timedelta(days=14),
        reason="first intermediate of test",
        requested_by="bootstrap",
    )


def make_root(machine: OfflineMachine) -> x509.Certificate:
    """Found a root and return the certificate that it shows."""
    machine.unlock(
        *("init", "--organization", "Example"),
        *(f"--environment={name}={domain}" for name, domain in DOMAINS.items()),
        *(f"--policy-oid={name}={oid}" for name, oid in POLICIES.items()),
    )
    return parse.certificate(machine.root("show", "--certificate"))


def answer(machine: OfflineMachine, request: Request) -> Response:
    """Carry a request in, review it, sign it and carry the response out."""
    name = request_file_name(request)
    (machine.folder / name).write_bytes(file_form(request))
    assert "first intermediate of test" in machine.root("review", name)
    answers = ("test", words_of(request.digest(), 8))
    machine.unlock("sign", name, "--witness", "Ada", "--witness", "Grace", answers=answers)
    return open_response((machine.folder / output_name(name)).read_bytes())


@pytest.fixture(scope="module")
def held(offline_venv: Path, tmp_path_factory: pytest.TempPathFactory) -> Held:
    """Hold the ceremony once: every command of the program is used."""
    machine = OfflineMachine(offline_venv, tmp_path_factory.mktemp("offline-machine"))
    root = make_root(machine)
    request = ask_for(root)
    response = answer(machine, request)
    machine.unlock("crl", "--output", "root.crl.pem")
    machine.root("policy")
    machine.root("recover")
    audit = json.loads(machine.root("transcript", "verify", "--json"))
    crl = parse.crl((machine.folder / "root.crl.pem").read_bytes())
    return Held(machine, root, request, response, crl, audit)


def test_response_passes_the_checks_of_the_online_side(held: Held) -> None:
    """What comes out of the offline machine is what the gate accepts, checked with its own code."""
    check_response(
        held.response,
        held.request,
        root=held.root,
        now=SystemClock().now(),
        known_serials=(),
        domains=DOMAINS,
    )

    assert held.response.request == held.request.digest()


def test_intermediate_carries_the_key_of_the_request(held: Held) -> None:
    """The certificate is about the key that never left the online side."""
    signed = parse.certificate(held.response.certificate or "")

    assert parse.spki_sha256(signed) == parse.spki_sha256(parse.request(held.request.csr or ""))


def test_crl_follows_that_of_the_response(held: Held) -> None:
    """A CRL without a request is good, empty, and one number further."""
    verify_crl(held.crl, held.root, at=SystemClock().now())

    assert list(held.crl) == []
    assert crl_number(held.crl) == crl_number(parse.crl(held.response.root_crl)) + 1


def test_transcript_vouches_for_everything_that_was_done(held: Held) -> None:
    """The audit finds the founding, the response and the CRL; nothing is open or abandoned."""
    head = held.audit["head"]

    assert held.audit == {
        "lines": 5,
        "responses": 1,
        "crls": 1,
        "abandoned": 0,
        "open": [],
        "head": head,
    }


def test_transcript_names_witnesses_and_serial(held: Held) -> None:
    """Who was there and what was signed can be read years later, with the program alone."""
    shown = held.machine.root("transcript", "show", "--json")
    serial = serial_text(parse.certificate(held.response.certificate or "").serial_number)

    assert '"Ada"' in shown
    assert '"Grace"' in shown
    assert serial in shown


def test_transcript_holds_under_the_head_that_was_written_down(held: Held) -> None:
    """The head from the end of the ceremony is found again."""
    head = str(held.audit["head"])

    assert head in held.machine.root("transcript", "verify", "--head", head)


@pytest.mark.parametrize("name", ONLINE)
def test_online_half_cannot_be_imported(held: Held, name: str) -> None:
    """Nothing that could reach a network service is installed, under whatever name."""
    done = held.machine.python(f"import {name}")

    assert done.returncode == 1
    assert f"ModuleNotFoundError: No module named {name!r}" in done.stderr


def test_every_command_took_part(held: Held) -> None:
    """What the next two tests say, they say of all commands."""
    assert held.machine.imported.keys() == COMMANDS.keys()


@pytest.mark.parametrize("command", COMMANDS)
def test_command_imports_the_offline_half_alone(held: Held, command: str) -> None:
    """No adapter, use-case, setting or flow of ours is loaded."""
    ours = {
        name
        for name in held.machine.imported[command]
        if name.partition(".")[0] in {"trustwright", "tasks", "flows", "deployments"}
    }
    foreign = {name for name in ours if not name.startswith(OFFLINE_FOLDERS)} - OFFLINE_HALF

    assert "trustwright.cli.root" in ours
    assert foreign == set()


@pytest.fixture(scope="module")
def owners(held: Held) -> dict[str, set[str]]:
    """Return which distributions of the offline machine own a top-level module."""
    code = "import json, importlib.metadata as m; print(json.dumps(m.packages_distributions()))"
    found: dict[str, list[str]] = json.loads(held.machine.python(code).stdout)
    return {name: {canonicalize_name(each) for each in listed} for name, listed in found.items()}


@pytest.mark.parametrize("command", COMMANDS)
def test_command_imports_nothing_beside_the_base_lock(
    held: Held, owners: dict[str, set[str]], command: str
) -> None:
    """Whatever is loaded and not Python's own stands in requirements/base.txt."""
    loaded = {name.partition(".")[0] for name in held.machine.imported[command]}
    owning = set().union(*(owners.get(name, set()) for name in loaded))
    # Python 3.11 puts setuptools into a new environment; its .pth speaks up in every process.
    allowed = {*lock.pins(lock.Lock("base")), "trustwright", "setuptools"}

    assert {"trustwright", "cryptography", "click", "pydantic"} <= owning
    assert owning - allowed == set()


@pytest.mark.skipif(not cut_off(), reason="this kernel lets us make no network namespace")
def test_machine_reaches_nobody(held: Held) -> None:
    """A server of this very machine, open to anybody, is out of reach of the ceremony."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        where = server.getsockname()
        done = held.machine.python(f"import socket; socket.create_connection({where!r}, 5)")
        socket.create_connection(where, 5).close()

    assert done.returncode == 1
    assert "OSError: [Errno 101]" in done.stderr
