"""The file that holds the API's token; made on first start, for its owner only."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from p2pd.api.errors import ApiSettingsError

TOKEN_BYTES = 32
MIN_TOKEN_CHARS = 16
MAX_TOKEN_CHARS = 1024


def load_or_create_token(path: Path) -> str:
    """Read the token, or make a random one where there is no file yet.

    Raises:
        ApiSettingsError: The file can be neither read nor made, or what it
            holds is no token.
    """
    try:
        return _token_from_text(path.read_text("ascii"), path)
    except FileNotFoundError:
        return _create(path)
    except UnicodeDecodeError:
        raise _no_token(path) from None
    except OSError as error:
        raise ApiSettingsError(
            f"cannot read the gRPC token file {path}: {error.strerror}"
        ) from error


def _create(path: Path) -> str:
    token = secrets.token_urlsafe(TOKEN_BYTES)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{token}\n")
    except OSError as error:
        raise ApiSettingsError(
            f"cannot create the gRPC token file {path}: {error.strerror}"
        ) from error
    return token


def _token_from_text(text: str, path: Path) -> str:
    token = text.strip()
    in_range = MIN_TOKEN_CHARS <= len(token) <= MAX_TOKEN_CHARS
    if not in_range or not all("!" <= character <= "~" for character in token):
        raise _no_token(path)
    return token


def _no_token(path: Path) -> ApiSettingsError:
    return ApiSettingsError(
        f"the gRPC token file {path} holds no token: one line of "
        f"{MIN_TOKEN_CHARS} to {MAX_TOKEN_CHARS} printable ASCII characters without spaces"
    )
