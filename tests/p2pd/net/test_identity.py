"""The identity key: made once, kept to its owner, never replaced."""

from __future__ import annotations

from pathlib import Path

import pytest
from libp2p.crypto.rsa import create_new_key_pair as create_rsa_key_pair

from p2pd.net.errors import IdentityError
from p2pd.net.identity import KEY_FILE, load_or_create_identity


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_key_is_made_once_and_found_again(tmp_path: Path) -> None:
    first = load_or_create_identity(tmp_path / "deep" / "data")
    again = load_or_create_identity(tmp_path / "deep" / "data")
    assert first.public_key.to_bytes() == again.public_key.to_bytes()


def test_key_and_directory_are_the_owners_alone(tmp_path: Path) -> None:
    load_or_create_identity(tmp_path / "data")
    assert mode_of(tmp_path / "data") == 0o700
    assert mode_of(tmp_path / "data" / KEY_FILE) == 0o600
    assert [each.name for each in (tmp_path / "data").iterdir()] == [KEY_FILE]


def test_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    load_or_create_identity(tmp_path)
    (tmp_path / KEY_FILE).chmod(0o640)
    with pytest.raises(IdentityError, match="may be used by others"):
        load_or_create_identity(tmp_path)


@pytest.mark.parametrize("content", [b"", b"junk", b"\x08\x01\x12\x03abc", b"\0" * 5000])
def test_broken_key_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / KEY_FILE
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(IdentityError, match="is not a"):
        load_or_create_identity(tmp_path)
    assert path.read_bytes() == content


def test_rsa_key_is_refused(tmp_path: Path) -> None:
    """Peers on js-libp2p refuse the identify of an RSA peer (19)."""
    path = tmp_path / KEY_FILE
    path.write_bytes(create_rsa_key_pair().private_key.serialize())
    path.chmod(0o600)
    with pytest.raises(IdentityError, match="not an Ed25519 key but RSA"):
        load_or_create_identity(tmp_path)


def test_directory_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory")
    with pytest.raises(IdentityError, match="cannot use identity key"):
        load_or_create_identity(tmp_path / "file")


def test_key_path_that_is_a_directory_is_told(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).mkdir()
    with pytest.raises(IdentityError, match="cannot use identity key"):
        load_or_create_identity(tmp_path)
