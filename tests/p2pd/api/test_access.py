"""Addresses, who may call at them, and the file that holds the token."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from p2pd.api.access import access_from_settings
from p2pd.api.errors import ApiSettingsError
from p2pd.api.listen_address import is_local, listen_address_from_text
from p2pd.api.settings import ApiSettings
from p2pd.api.token_file import load_or_create_token


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("127.0.0.1:0", True),
        ("127.9.9.9:50051", True),
        ("[::1]:1", True),
        ("localhost:1", True),
        ("unix:/run/x.sock", True),
        ("unix:x.sock", True),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("192.0.2.1:1", False),
        ("[::ffff:127.0.0.1]:1", False),
        ("127.0.0.1.example.org:1", False),
        ("localhost.example.org:1", False),
        ("127.1:1", False),
    ],
)
def test_address_is_read_and_known_to_be_local_or_not(text: str, local: bool) -> None:
    address = listen_address_from_text(text)
    assert str(address) == text
    assert is_local(address) is local
    access = access_from_settings(ApiSettings(listen=text, token="a" * 20))
    assert access.token == (None if local else "a" * 20)


@pytest.mark.parametrize(
    "text", ["", ":1", "host", "host:", "host:x", "host:65536", "::1:1", "[::1]", "unix:", "a b:1"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ApiSettingsError, match="not an address"):
        listen_address_from_text(text)


@pytest.mark.parametrize("token", [None, ""])
def test_address_beyond_this_machine_needs_a_token(token: str | None) -> None:
    with pytest.raises(ApiSettingsError, match="there is no token"):
        access_from_settings(ApiSettings(listen="0.0.0.0:1", token=token))
    assert access_from_settings(ApiSettings("0.0.0.0:1", token, allow_open=True)).token is None


def test_token_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "data" / "grpc.token"
    token = load_or_create_token(path)
    assert load_or_create_token(path) == token
    assert len(token) >= 40
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert load_or_create_token(tmp_path / "other") != token


@pytest.mark.parametrize(
    "content", [b"short", b"two words of some length", b"\xff" * 40, b"a" * 5000]
)
def test_file_without_a_token_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "grpc.token"
    path.write_bytes(content)
    with pytest.raises(ApiSettingsError, match="holds no token"):
        load_or_create_token(path)


@pytest.mark.parametrize("content", [b"", b"\n", b" \r\n", bytes(44)])
def test_file_that_lost_its_content_gets_a_new_token(
    tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "grpc.token"
    path.write_bytes(content)
    token = load_or_create_token(path)
    assert str(path) in capsys.readouterr().out
    assert load_or_create_token(path) == token
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_unreadable_or_unwritable_file_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ApiSettingsError, match="cannot read the gRPC token file"):
        load_or_create_token(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(ApiSettingsError, match=r"gRPC token file .*: Not a directory"):
        load_or_create_token(tmp_path / "file" / "grpc.token")
