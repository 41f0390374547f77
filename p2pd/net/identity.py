"""The node's identity key: an Ed25519 key in the data directory, made once.

Called by the program at start. Only Ed25519, because peers on js-libp2p refuse
an RSA peer's identify (19 in ``patches/README.md``).
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TypeAlias

from libp2p.crypto.ed25519 import Ed25519PrivateKey, create_new_key_pair
from libp2p.crypto.keys import KeyPair, PrivateKey
from libp2p.crypto.serialization import deserialize_private_key

from common.files import OWNER_ONLY_DIRECTORY, create_file, remove_drafts
from p2pd.net.errors import IdentityError

Identity: TypeAlias = KeyPair
"""What makes a node the peer it is; a name for those who may not import libp2p."""

KEY_FILE = "identity.key"
MAX_KEY_BYTES = 4096
OTHERS_MAY = stat.S_IRWXG | stat.S_IRWXO


def load_or_create_identity(data_dir: Path) -> KeyPair:
    """Read the node's key, or make one where there is none yet.

    Args:
        data_dir: Made with mode 0700 where it does not exist.

    Raises:
        IdentityError: The file or directory cannot be used, others may read
            it, or it holds no Ed25519 key. A key is never replaced.
    """
    path = data_dir / KEY_FILE
    try:
        data_dir.mkdir(mode=OWNER_ONLY_DIRECTORY, parents=True, exist_ok=True)
        pair = _read_key(path) if path.exists() else _create_key(path)
    except OSError as error:
        raise IdentityError(f"cannot use identity key {path}: {error.strerror}") from error
    remove_drafts(path)
    return pair


def _read_key(path: Path) -> KeyPair:
    with path.open("rb") as file:
        found = os.fstat(file.fileno())
        mode = stat.S_IMODE(found.st_mode)
        if mode & OTHERS_MAY:
            raise IdentityError(
                f"identity key {path} may be used by others (mode {mode:04o}, owner uid "
                f"{found.st_uid}, this process uid {os.geteuid()}); make it 0600 and give it "
                "to the user that runs the node"
            )
        encoded = file.read(MAX_KEY_BYTES + 1)
    if not encoded.strip(b"\0"):
        raise IdentityError(
            f"identity key {path} is not a key but empty; put back a backup, or remove the file "
            "to become a new peer"
        )
    key = _key_from_bytes(path, encoded)
    return KeyPair(key, key.get_public_key())


def _key_from_bytes(path: Path, encoded: bytes) -> PrivateKey:
    try:
        key = deserialize_private_key(encoded)
    # The parsers of four key types raise whatever they like on a broken file.
    except Exception as error:
        raise IdentityError(
            f"identity key {path} is not a libp2p private key; put back a backup, or remove the "
            "file to become a new peer"
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise IdentityError(f"identity key {path} is not an Ed25519 key but {key.get_type().name}")
    return key


def _create_key(path: Path) -> KeyPair:
    """Make a new key; one that another process made meanwhile is never replaced."""
    pair = create_new_key_pair()
    create_file(path, pair.private_key.serialize())
    return pair
