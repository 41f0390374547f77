"""The file that holds the API's token; made on first start, for its owner only."""

from __future__ import annotations

import secrets
from pathlib import Path

import structlog

from common.files import OWNER_ONLY_DIRECTORY, create_file, remove_drafts, replace_file
from p2pd.api.errors import ApiSettingsError

TOKEN_BYTES = 32
MIN_TOKEN_CHARS = 16
MAX_TOKEN_CHARS = 1024
MAX_FILE_BYTES = 4096

log_line = structlog.get_logger(__name__)


def load_or_create_token(path: Path) -> str:
    """Read the token, or make a random one where there is none yet.

    A file without content is what a machine that was switched off leaves: it
    gets a new token, and that is reported.

    Raises:
        ApiSettingsError: The file can be neither read nor made, or what it
            holds is no token.
    """
    try:
        content = _read(path)
    except FileNotFoundError:
        return _create(path)
    except OSError as error:
        raise ApiSettingsError(
            f"cannot read the gRPC token file {path}: {error.strerror}"
        ) from error
    remove_drafts(path)
    if not content.strip(b"\0\r\n\t "):
        log_line.warning("gRPC token file was empty; it has a new token now", path=str(path))
        return _replace(path)
    return _token_from_content(content, path)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_FILE_BYTES)


def _create(path: Path) -> str:
    token = secrets.token_urlsafe(TOKEN_BYTES)
    try:
        path.parent.mkdir(mode=OWNER_ONLY_DIRECTORY, parents=True, exist_ok=True)
        create_file(path, f"{token}\n".encode())
    except OSError as error:
        raise _not_created(path, error) from error
    remove_drafts(path)
    return token


def _replace(path: Path) -> str:
    token = secrets.token_urlsafe(TOKEN_BYTES)
    try:
        replace_file(path, f"{token}\n".encode())
    except OSError as error:
        raise _not_created(path, error) from error
    return token


def _not_created(path: Path, error: OSError) -> ApiSettingsError:
    return ApiSettingsError(f"cannot create the gRPC token file {path}: {error.strerror}")


def _token_from_content(content: bytes, path: Path) -> str:
    token = content.strip()
    in_range = MIN_TOKEN_CHARS <= len(token) <= MAX_TOKEN_CHARS
    if not in_range or not all(ord("!") <= byte <= ord("~") for byte in token):
        raise ApiSettingsError(
            f"the gRPC token file {path} holds no token: one line of "
            f"{MIN_TOKEN_CHARS} to {MAX_TOKEN_CHARS} printable ASCII characters without spaces; "
            "remove it to have a new one made"
        )
    return token.decode()
