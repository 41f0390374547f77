"""TLS and client certificates over real gRPC, with certificates made here."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from wsp.chat.v1 import chat_pb2

from p2pd.api.caller_from_context import caller_from_auth_context
from p2pd.api.errors import ApiSettingsError
from p2pd.domain.callers import Caller
from tests.p2pd.api.reading import CALL_S
from tests.p2pd.api.running import running_api, stub_of


@dataclass(frozen=True, slots=True)
class Authority:
    """Something that signs certificates."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(self, name: str) -> tuple[bytes, bytes]:
        """Return a certificate for 127.0.0.1 and its key, both PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        certificate = (
            builder_for(name, self.certificate.subject, key)
            .add_extension(x509.SubjectAlternativeName([address]), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        return certificate.public_bytes(serialization.Encoding.PEM), pem_of(key)


def builder_for(
    name: str, issuer: x509.Name | None, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
    )


def make_authority(name: str) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        builder_for(name, None, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Authority(key, certificate)


def pem_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@pytest.fixture(scope="module")
def authority() -> Authority:
    return make_authority("the operator")


@pytest.fixture
def files(authority: Authority, tmp_path: Path) -> dict[str, Path]:
    """Write a server's certificate and key, as settings of the API."""
    certificate, key = authority.issue("node")
    paths = {"tls_certificate": tmp_path / "node.pem", "tls_key": tmp_path / "node.key"}
    paths["tls_certificate"].write_bytes(certificate)
    paths["tls_key"].write_bytes(key)
    return paths


def ask(address: str, credentials: grpc.ChannelCredentials) -> bool:
    with grpc.secure_channel(address, credentials) as channel:
        answer = stub_of(channel).GetNode(chat_pb2.GetNodeRequest(), timeout=CALL_S)
        return bool(answer.node.peer_id)


def test_tls_serves_those_who_trust_it_and_nobody_in_the_clear(
    authority: Authority, files: dict[str, Any], tmp_path: Path
) -> None:
    with running_api(tmp_path / "node", **files) as api:
        assert ask(api.address, grpc.ssl_channel_credentials(authority.pem))
        stranger = grpc.ssl_channel_credentials(make_authority("a stranger").pem)
        with pytest.raises(grpc.RpcError) as caught:
            ask(api.address, stranger)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        with api.channel() as clear, pytest.raises(grpc.RpcError) as caught:
            stub_of(clear).GetNode(chat_pb2.GetNodeRequest(), timeout=CALL_S)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_client_certificates_are_asked_for_where_an_authority_is_set(
    authority: Authority, files: dict[str, Any], tmp_path: Path
) -> None:
    clients = make_authority("the clients")
    (tmp_path / "clients.pem").write_bytes(clients.pem)
    settings: dict[str, Any] = {**files, "tls_client_ca": tmp_path / "clients.pem"}
    certificate, key = clients.issue("caller")
    foreign_certificate, foreign_key = authority.issue("caller")
    refused = [
        grpc.ssl_channel_credentials(authority.pem),
        grpc.ssl_channel_credentials(authority.pem, foreign_key, foreign_certificate),
    ]
    with running_api(tmp_path / "node", **settings) as api:
        assert ask(api.address, grpc.ssl_channel_credentials(authority.pem, key, certificate))
        for credentials in refused:
            with pytest.raises(grpc.RpcError) as caught:
                ask(api.address, credentials)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def without_key(files: dict[str, Any], _authority: Authority) -> None:
    del files["tls_key"]


def missing_key(files: dict[str, Any], _authority: Authority) -> None:
    files["tls_key"].unlink()


def other_key(files: dict[str, Any], authority: Authority) -> None:
    files["tls_key"].write_bytes(authority.issue("other")[1])


def no_pem(files: dict[str, Any], _authority: Authority) -> None:
    files["tls_certificate"].write_text("certainly")


def wrong_authority(files: dict[str, Any], _authority: Authority) -> None:
    files["tls_client_ca"] = files["tls_key"]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (without_key, "needs both"),
        (missing_key, "cannot read .*node.key: No such file"),
        (other_key, "no PEM certificate with its"),
        (no_pem, "no PEM certificate with its"),
        (wrong_authority, "holds no PEM certificates"),
    ],
)
def test_files_of_no_use_are_one_clear_error(
    authority: Authority,
    files: dict[str, Any],
    tmp_path: Path,
    spoil: Callable[[dict[str, Path], Authority], None],
    words: str,
) -> None:
    spoil(files, authority)
    with pytest.raises(ApiSettingsError, match=words), running_api(tmp_path / "node", **files):
        pass


def test_client_message_id_is_per_certificate(
    authority: Authority, files: dict[str, Any], tmp_path: Path
) -> None:
    client_ca = tmp_path / "clients.pem"
    client_ca.write_bytes(authority.pem)
    with running_api(tmp_path / "node", **files, tls_client_ca=client_ca) as api:
        ids = [publish_as(name, authority, api.address) for name in ("anna", "bob", "anna")]
    assert ids[0] == ids[2] != ids[1]


def publish_as(name: str, authority: Authority, address: str) -> str:
    certificate, key = authority.issue(name)
    credentials = grpc.ssl_channel_credentials(authority.pem, key, certificate)
    request = chat_pb2.PublishRequest(text="hello", client_message_id="1")
    with grpc.secure_channel(address, credentials) as channel:
        unary = stub_of(channel).Publish(request, timeout=CALL_S)
        stream = stub_of(channel).PublishStream(
            iter([chat_pb2.PublishStreamRequest(publishes=[request])]), timeout=CALL_S
        )
        (result,) = next(iter(stream)).results
        assert result.published.message_id == unary.message_id
    return str(unary.message_id)


def test_caller_is_named_by_the_subject_of_its_certificate() -> None:
    assert caller_from_auth_context({"x509_common_name": [b"anna"]}) == Caller("certificate:anna")
    by_subject = {"x509_subject": [b"CN=anna,O=x"], "x509_common_name": [b"anna"]}
    assert caller_from_auth_context(by_subject) == Caller("certificate:CN=anna,O=x")
    alternative = {"x509_subject_alternative_name": [b"a.example", b"b.example"]}
    assert caller_from_auth_context(alternative) == Caller("certificate:a.example,b.example")
    long = caller_from_auth_context({"x509_common_name": [b"x" * 5_000]})
    assert long.name.startswith("certificate:sha256:")
    assert caller_from_auth_context({}) == Caller("certificate")
