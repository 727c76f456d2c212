"""Faults, against a real OpenBao: lost replies, kill, seal, expiry, warnings, long lists, TLS."""

from __future__ import annotations

import gc
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
import requests

from tests.contract import openbao as servers
from tests.contract.openbao import OpenBao
from tests.contract.vaults import ORGANIZATION, FreshEnvironment, Place, real_place
from trustwright.errors import (
    ConfigurationError,
    Denied,
    OutcomeUnknown,
    Rejected,
    TrustwrightError,
    Unavailable,
    VerificationError,
)
from trustwright.model.profile import Subject
from trustwright.ports import Capabilities, SignOrder
from trustwright.vault import connect, identities, provision, roles, settle, urls
from trustwright.vault.client import Connection
from trustwright.vault.issuers import VaultRotator
from trustwright.vault.leaves import VaultSigner
from trustwright.vault.provision import VaultProvisioner
from trustwright.x509 import parse

pytestmark = pytest.mark.contract


@pytest.fixture
def fresh(fresh_environment: FreshEnvironment) -> Place:
    """A prepared environment of its own."""
    return fresh_environment("test")


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[OpenBao]:
    """A server that the test may harm."""
    with servers.running(tmp_path) as server:
        yield server


@pytest.fixture
def own_place(own_server: OpenBao, tmp_path: Path) -> Place:
    """An environment in a server that the test may harm."""
    folder = tmp_path / "identities"
    identities.create_identity_keys(folder)
    return real_place(own_server, "test", folder)


@contextmanager
def lost_reply(connection: Connection, path: str) -> Iterator[list[str]]:
    """Let the first call whose path ends like this take effect and lose its reply."""
    send = connection._session.send
    lost: list[str] = []

    def losing(request: requests.PreparedRequest, **options: Any) -> requests.Response:
        response = send(request, **options)
        if not lost and str(request.url).endswith(path):
            lost.append(str(request.url))
            raise requests.ConnectionError("the reply was lost")
        return response

    connection._session.send = losing  # type: ignore[method-assign]
    try:
        yield lost
    finally:
        connection._session.send = send  # type: ignore[method-assign]


def _rotator(place: Place) -> VaultRotator:
    assert isinstance(place.rotator, VaultRotator)
    return place.rotator


def _signer(place: Place) -> VaultSigner:
    assert isinstance(place.signer, VaultSigner)
    return place.signer


def _operator(server: OpenBao, place: Place) -> Callable[[str], dict[str, Any]]:
    connection, namespace = server.operator(), place.environment.vault.namespace

    def read(path: str) -> dict[str, Any]:
        found = connection.read(f"{namespace}/{path}")
        assert found is not None
        return found

    return read


def test_a_key_whose_reply_was_lost_is_found_again(fresh: Place) -> None:
    """One key, however often the call is repeated."""
    rotator = _rotator(fresh)
    with lost_reply(rotator._connection, "/intermediate/internal") as lost:
        with pytest.raises(OutcomeUnknown):
            fresh.key()
        assert len(lost) == 1
    assert list(rotator.keys().values()) == ["test-g1"]
    first, second = fresh.key(), fresh.key()
    assert (first.created, first.key_id, first.spki) == (False, second.key_id, second.spki)


def test_a_key_made_by_somebody_else_in_between_is_taken_up(
    fresh: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server refuses the second key of the name; the first is used."""
    first = fresh.key()
    rotator = _rotator(fresh)
    monkeypatch.setattr(rotator, "keys", dict)
    again = fresh.key()
    assert (again.created, again.key_id) == (False, first.key_id)


@pytest.mark.parametrize("path", ["/issuers/import/cert", "/issuer/"])
def test_an_import_whose_reply_was_lost_converges(
    fresh: Place, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lost at the import or at the naming: the next import finishes the job."""
    handle = fresh.key()
    certificate = fresh.signed(handle)
    rotator = _rotator(fresh)
    real = rotator._connection.patch

    def patch(where: str, body: dict[str, Any]) -> dict[str, Any]:
        real(where, body)
        raise OutcomeUnknown("the reply was lost")

    if path == "/issuer/":
        monkeypatch.setattr(rotator._connection, "patch", patch)
    with lost_reply(rotator._connection, path), pytest.raises(OutcomeUnknown):
        rotator.import_intermediate(certificate, handle.key_id, "test-g1")
    monkeypatch.undo()
    issuer_id = rotator.import_intermediate(certificate, handle.key_id, "test-g1")
    (issuer,) = rotator.issuers()
    assert (issuer.issuer_id, issuer.name) == (issuer_id, "test-g1")


def test_an_import_of_a_certificate_the_key_of_which_is_elsewhere_is_left_unnamed(
    fresh: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even when the check before the import is fooled, the server's mapping is looked at."""
    first, second = fresh.key(1), fresh.key(2)
    certificate = fresh.signed(second, 2)
    rotator = _rotator(fresh)
    monkeypatch.setattr(rotator, "_check_before_import", lambda *_: None)
    with pytest.raises(VerificationError) as error:
        rotator.import_intermediate(certificate, first.key_id, "test-g1")
    (issuer,) = rotator.issuers()
    assert issuer.issuer_id in error.value.what
    assert issuer.name == ""
    with pytest.raises(VerificationError):
        rotator.make_default(issuer.issuer_id)


def test_a_lost_preparation_is_finished_by_the_next(fresh_environment: FreshEnvironment) -> None:
    """Dying after any of its calls leaves something that the next preparation completes."""
    paths = [
        "/sys/mounts/pki",
        "/tune",
        "/config/urls",
        "/config/crl",
        "/acl/trustwright-issuer",
        "/acl/trustwright-admin",
        "/sys/auth/jwt-rotator",
        "/jwt-rotator/config",
        "/role/anchor",
        "/roles/server",
    ]
    for path in paths:
        place = fresh_environment("test", prepare=False)
        with _lost_write(place, path), pytest.raises(OutcomeUnknown):
            place.prepare()
        place.prepare()
        assert place.prepare() == ()
        assert place.introduce()


@contextmanager
def _lost_write(place: Place, path: str) -> Iterator[None]:
    """Lose the reply of the provisioner's write to a path that ends like this."""
    assert isinstance(place.provisioner, VaultProvisioner)
    connection = place.provisioner._connection
    write = connection.write

    def writing(where: str, body: Any, **options: Any) -> Any:
        reply = write(where, body, **options)
        if where.endswith(path):
            raise OutcomeUnknown("the reply was lost")
        return reply

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection, "write", writing)
        yield


def test_a_signature_whose_reply_was_lost_is_stored(fresh: Place) -> None:
    """The outcome is unknown to us, and reconciliation finds the certificate."""
    order = fresh.order(fresh.introduce())
    signer = _signer(fresh)
    with lost_reply(signer._connection, "/sign/server"), pytest.raises(OutcomeUnknown) as error:
        signer.sign(order)
    assert error.value.rule == "VAULT-UNKNOWN"
    (serial,) = signer.serials()
    stored = parse.certificate(signer.certificate(serial) or "")
    assert parse.spki_sha256(stored) == parse.spki_sha256(parse.request(order.csr))


def test_a_read_whose_reply_was_lost_is_unavailable(fresh: Place) -> None:
    """Nothing happened: try again."""
    signer = _signer(fresh)
    with lost_reply(signer._connection, "/cert/0a:ff"), pytest.raises(Unavailable):
        signer.certificate("0a:ff")


def test_no_exception_carries_the_token(fresh: Place) -> None:
    """The foreign exception holds the request and its headers: it must not ride along."""
    signer = _signer(fresh)
    with lost_reply(signer._connection, "/crl/rotate"), pytest.raises(OutcomeUnknown) as error:
        signer.rotate_crl()
    assert error.value.__context__ is None
    assert error.value.__cause__ is None


Call = Literal["control", "bulk"]


def _sign(signer: VaultSigner, order: SignOrder, how: Call) -> None:
    if how == "control":
        signer.sign(order)
        return
    (result,) = signer.sign_many([order])
    if isinstance(result, Exception):
        raise result


@pytest.mark.parametrize("how", ["control", "bulk"])
def test_a_server_killed_in_a_call_leaves_the_outcome_open(
    own_place: Place, own_server: OpenBao, how: Call
) -> None:
    """The request has arrived, nobody has read it, the process dies."""
    order, signer = own_place.order(own_place.introduce()), _signer(own_place)
    _sign(signer, order, "control")
    caught: list[BaseException] = []

    def call() -> None:
        try:
            _sign(signer, order, how)
        except TrustwrightError as error:
            caught.append(error)

    with _slow_socket(own_server, signer, how):
        thread = threading.Thread(target=call)
        thread.start()
        _wait_for(lambda: own_server.unread() > 0)
        own_server.kill()
        thread.join(30)
    assert [type(error) for error in caught] == [OutcomeUnknown]
    with pytest.raises(Unavailable) as gone:
        _sign(signer, order, how)
    assert gone.value.rule == "VAULT-UNREACHABLE"


@contextmanager
def _slow_socket(server: OpenBao, signer: VaultSigner, how: Call) -> Iterator[None]:
    """Stop the server when the connection stands: for the bulk path after its TLS handshake."""
    if how == "control":
        server.pause()
        yield
        return
    from trustwright.vault import bulk  # noqa: PLC0415 - only to stop between handshake and call

    send = bulk._Batch._send

    async def sending(self: Any, session: Any, call: Any, token: str) -> tuple[int, bytes]:
        async with session.get("/v1/sys/health") as response:
            await response.read()
        server.pause()
        return await send(self, session, call, token)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bulk._Batch, "_send", sending)
        yield


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + servers.START_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(servers.POLL_SECONDS)


@pytest.mark.parametrize("how", ["control", "bulk"])
def test_a_server_that_does_not_answer_leaves_the_outcome_open(
    own_place: Place, own_server: OpenBao, how: Call
) -> None:
    """A time-out after sending is no refusal; a read may just be repeated."""
    order, signer = own_place.order(own_place.introduce()), _signer(own_place)
    signer.sign(order)
    signer._connection.timeout = (1.0, 0.3)
    caught: list[BaseException] = []

    def call() -> None:
        try:
            _sign(signer, order, how)
        except TrustwrightError as error:
            caught.append(error)

    with _slow_socket(own_server, signer, how), warnings.catch_warnings():
        # asyncio waits for a TLS farewell that a silent server never sends; the socket goes with
        # the loop, and only a warning tells.
        warnings.simplefilter("ignore", ResourceWarning)
        call()
        gc.collect()
    assert [type(error) for error in caught] == [OutcomeUnknown]
    with pytest.raises(Unavailable):
        signer.certificate("0a:ff")
    own_server.resume()


@pytest.mark.parametrize("how", ["control", "bulk"])
def test_a_sealed_server_is_unavailable(own_place: Place, own_server: OpenBao, how: Call) -> None:
    """Sealed: nothing happens, and everybody says so, whether logged in before or not."""
    issuer_id = own_place.introduce()
    signer = _signer(own_place)
    _sign(signer, own_place.order(issuer_id), how)
    own_server.operator().write("sys/seal", {})
    fresh_login = connect.signer("test", own_place.environment)
    for call in (
        lambda: _sign(signer, own_place.order(issuer_id), how),
        lambda: _sign(fresh_login, own_place.order(issuer_id), how),
        own_place.provisioner.probe,
        own_place.prepare,
        own_place.rotator.issuers,
    ):
        with pytest.raises(Unavailable) as error:
            call()
        assert error.value.rule == "VAULT-SEALED"


@pytest.mark.parametrize("how", ["control", "bulk"])
def test_an_expired_token_costs_one_login(
    fresh: Place, how: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller sees nothing of it, even when many calls find out at once."""
    issuer_id = fresh.introduce()
    signer = _signer(fresh)
    connection = signer._connection
    logins: list[str] = []
    login = connection._login

    def counted() -> str:
        logins.append("login")
        return login()

    monkeypatch.setattr(connection, "_login", counted)
    connection._token = "b.expired"
    orders = [fresh.order(issuer_id) for _ in range(1 if how == "control" else 20)]
    results = [signer.sign(orders[0])] if how == "control" else list(signer.sign_many(orders))
    assert [type(result) for result in results] == [str] * len(orders)
    assert logins == ["login"]


def test_a_call_that_stays_denied_is_tried_twice(
    fresh: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One new login, then the answer stands."""
    connection = _signer(fresh)._connection
    connection.token()
    sent: list[str] = []
    request = connection._request

    def counted(call: Any, url: str, headers: Any = None) -> requests.Response:
        sent.append(call.path.rsplit("/", 1)[-1])
        return request(call, url, headers)

    monkeypatch.setattr(connection, "_request", counted)
    with pytest.raises(Denied):
        connection.read("sys/mounts")
    assert sent == ["mounts", "login", "mounts"]


@pytest.mark.parametrize("how", ["control", "bulk"])
def test_an_unexpected_warning_is_an_error(
    fresh: Place, how: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server clamps what it does not allow, and only a warning says so."""
    order = fresh.order(fresh.introduce(), ttl=80 * 3600)
    with pytest.raises(VerificationError) as error:
        _sign(_signer(fresh), order, how)
    assert error.value.rule == "VAULT-WARNING"
    assert "longer than permitted" in error.value.what


def test_a_parameter_that_the_server_does_not_know_is_an_error(
    fresh: Place, openbao: OpenBao
) -> None:
    """Ignored settings would be silent holes."""
    namespace = fresh.environment.vault.namespace
    with pytest.raises(VerificationError) as error:
        openbao.operator().write(f"{namespace}/pki/roles/x", {"allow_everything": False})
    assert "unrecognized parameters" in error.value.what


def test_a_setting_that_the_server_does_not_keep_is_an_error(
    fresh: Place, openbao: OpenBao
) -> None:
    """What was written is read back."""
    namespace = fresh.environment.vault.namespace
    path = f"{namespace}/sys/mounts/pki/tune"
    steps = settle.settle(openbao.operator(), path, {"default_lease_ttl": "71h"}, "x")
    with pytest.raises(VerificationError) as error:
        list(settle.taken(steps, ()))
    assert error.value.rule == "VAULT-NOT-KEPT"
    assert error.value.what == "written, yet the server keeps another default_lease_ttl"


@pytest.mark.parametrize("page", [1, 2, 5, 7, 23, 24, 1000])
def test_every_serial_is_listed_whatever_the_page(
    crowded: tuple[Place, frozenset[str]], page: int
) -> None:
    """No entry is lost or doubled at the edges of pages."""
    place, serials = crowded
    signer = VaultSigner(_signer(place)._connection, place.environment, page)
    listed = list(signer.serials())
    assert len(listed) == len(serials)
    assert set(listed) == serials


@pytest.fixture(scope="module")
def crowded(fresh_environment: FreshEnvironment) -> tuple[Place, frozenset[str]]:
    """An environment with 23 certificates and their serials."""
    place = fresh_environment("test")
    issuer_id = place.introduce()
    pems = place.signer.sign_many([place.order(issuer_id) for _ in range(23)])
    certificates = [parse.certificate(pem) for pem in pems if isinstance(pem, str)]
    digits = [f"{certificate.serial_number:x}" for certificate in certificates]
    padded = [text.zfill(len(text) + len(text) % 2) for text in digits]
    return place, frozenset(
        ":".join(text[at : at + 2] for at in range(0, len(text), 2)) for text in padded
    )


def test_another_ca_is_not_trusted(fresh: Place, tmp_path: Path) -> None:
    """A server under another CA gets neither login nor request."""
    other = tmp_path / "other"
    other.mkdir()
    servers._write_tls(other)
    vault = fresh.environment.vault.model_copy(update={"ca": other / "ca.pem"})
    place = fresh.environment.model_copy(update={"vault": vault})
    with pytest.raises(VerificationError) as error:
        connect.signer("test", place).rotate_crl()
    assert error.value.rule == "VAULT-TLS"
    with pytest.raises(VerificationError) as crl_error:
        connect.signer("test", place).crl("11111111")
    assert crl_error.value.rule == "VAULT-TLS"
    (result,) = connect.signer("test", place).sign_many([fresh.order("11111111")])
    assert isinstance(result, VerificationError)


def test_the_environments_proxy_and_bundle_take_no_part(
    fresh: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither a proxy nor another bundle nor a token of the shell changes where we go."""
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "VAULT_CACERT"):
        monkeypatch.setenv(name, str(tmp_path / "none.pem"))
    monkeypatch.setenv("VAULT_TOKEN", "of-somebody-else")
    monkeypatch.setenv("VAULT_NAMESPACE", "elsewhere")
    issuer_id = fresh.introduce()
    signer = connect.signer("test", fresh.environment)
    assert signer.sign(fresh.order(issuer_id))
    (result,) = connect.signer("test", fresh.environment).sign_many([fresh.order(issuer_id)])
    assert isinstance(result, str)


def test_a_mount_of_another_type_is_left_alone(
    fresh_environment: FreshEnvironment, openbao: OpenBao
) -> None:
    """Somebody's secrets stand there."""
    place = fresh_environment("test", prepare=False)
    namespace = place.environment.vault.namespace
    openbao.operator().write(f"sys/namespaces/{namespace}", {})
    openbao.operator().write(f"{namespace}/sys/mounts/pki", {"type": "kv"})
    with pytest.raises(ConfigurationError) as error:
        place.prepare()
    assert error.value.rule == "VAULT-MOUNT"


def test_every_parameter_of_a_role_is_ours(fresh: Place, openbao: OpenBao) -> None:
    """A server that grows a new parameter shows here, before it widens a role by its default."""
    role = _operator(openbao, fresh)("pki/roles/server")
    facts = fresh.environment
    uris = fresh.uris["server"]
    ours = roles.parameters(facts.roles["server"], "test", facts, ORGANIZATION, uris)
    ours |= roles.OPENBAO_ONLY
    assert {name: role[name] for name in ours} == ours
    assert {name: value for name, value in role.items() if name not in ours} == {
        "allow_globs_in_identity_templates": False,
        "allow_token_displayname": False,
        "allowed_ip_sans_cidr": [],
        "country": [],
        "locality": [],
        "not_before": "",
        "postal_code": [],
        "province": [],
        "street_address": [],
        "use_pss": False,
    }


def test_what_only_openbao_knows_is_not_sent_to_a_vault(
    fresh_environment: FreshEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Vault answers a parameter that it does not know with a warning, and a warning is an error.

    No Vault was at hand: the server is OpenBao, said to be a Vault, so this shows what is sent.
    """
    found = Capabilities("Vault", "1.18.3", namespaces=True, pagination=False)
    monkeypatch.setattr(provision, "probe", lambda _: found)
    sent: dict[str, dict[str, Any]] = {}
    write = Connection.write

    def noting(self: Connection, path: str, body: dict[str, Any], **options: Any) -> Any:
        sent[path.partition("/")[2]] = dict(body)
        return write(self, path, body, **options)

    monkeypatch.setattr(Connection, "write", noting)
    place = fresh_environment("test")
    members = {member for body in sent.values() for member in body}
    assert not members & {*roles.OPENBAO_ONLY, *urls.OPENBAO_ONLY}
    assert {"pki/roles/server", "pki/config/urls", "auth/jwt-admin/role/admin"} <= set(sent)
    assert place.prepare() == ()
    assert place.signer.sign(place.order(place.introduce()))


def test_an_issuer_keeps_its_other_members_when_it_is_named(fresh: Place, openbao: OpenBao) -> None:
    """PATCH, never POST: a POST erases what it does not name."""
    handle = fresh.key()
    signed = fresh.signed(handle)
    issuer_id = fresh.rotator.import_intermediate(signed, handle.key_id, "test-g1")
    read = _operator(openbao, fresh)
    assert read(f"pki/issuer/{issuer_id}")["leaf_not_after_behavior"] == "err"
    path = f"{fresh.environment.vault.namespace}/pki/issuer/{issuer_id}"
    changed = {"leaf_not_after_behavior": "truncate", "crl_distribution_points": ["http://x/crl"]}
    openbao.operator().patch(path, changed)
    before = read(f"pki/issuer/{issuer_id}")
    assert {name: before[name] for name in changed} == changed
    again = fresh.rotator.import_intermediate(signed, handle.key_id, "test-g1")
    assert again == issuer_id
    after = read(f"pki/issuer/{issuer_id}")
    assert after == before | {"leaf_not_after_behavior": "err"}


def test_the_audit_log_shows_serials_and_no_secret(fresh: Place, openbao: OpenBao) -> None:
    """Serials are a second source for reconciliation; tokens and logins are hashed."""
    pem = fresh.signer.sign(fresh.order(fresh.introduce()))
    (serial,) = fresh.signer.serials()
    token = _signer(fresh)._connection.token()
    log = openbao.audit.read_text()
    assert parse.certificate(pem).serial_number
    assert serial in log
    assert token not in log


def test_a_subject_without_unit_is_not_ours(fresh: Place) -> None:
    """The policy wants the environment as OU."""
    with pytest.raises(Denied):
        fresh.rotator.ensure_key("test-g1", Subject(organization="E", common_name="x"), "ec-p384")


def test_an_issuer_name_of_another_environment_is_denied(fresh: Place) -> None:
    """The issuer stays unnamed and does not become the default by name."""
    handle = fresh.key()
    with pytest.raises(Denied):
        fresh.rotator.import_intermediate(fresh.signed(handle), handle.key_id, "prod-g1")
    assert [issuer.name for issuer in fresh.rotator.issuers()] == [""]


def test_an_issuer_identifier_cannot_reach_another_path(fresh: Place) -> None:
    """Identifiers are checked before they become part of a path."""
    for issuer_id in ("../../sys/mounts", "a/b", "", "..", "x?y"):
        with pytest.raises((ConfigurationError, Rejected)):
            fresh.signer.sign(fresh.order(issuer_id))
