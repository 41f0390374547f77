"""What people say of themselves, and the rules of it. Pure.

A name is prepared as RFC 8266 says. Signed and read by ``p2pd.net.profiles``, owned by
``p2pd.chat.profiles``.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass, field

import precis_i18n

from p2pd.domain.names import PeerId
from p2pd.errors import InvalidInputError

MAX_NAME_BYTES = 64
MAX_ABOUT_BYTES = 512
MAX_AVATAR_BYTES = 16 * 1024
MAX_LOOKALIKES = 8

_NICKNAME = precis_i18n.get_profile("NicknameCasePreserved")
_COLOR = re.compile("#[0-9a-f]{6}")
_JOINERS = frozenset("\u200c\u200d")
"""RFC 8266 admits them between some letters; here nothing without width is admitted."""
_INVISIBLE = frozenset(("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"))


@dataclass(frozen=True, slots=True)
class Profile:
    """What somebody says of themselves; made by ``profile_from_parts``.

    Attributes:
        color: ``#rrggbb``, or empty.
        avatar: A picture as it was given; nobody decodes it.
    """

    name: str = ""
    about: str = ""
    color: str = ""
    avatar: bytes = b""

    @property
    def avatar_type(self) -> str:
        """The media type of the picture; empty without one."""
        return image_type(self.avatar)

    @property
    def avatar_hash(self) -> str:
        """A name of the picture's bytes; empty without one."""
        return hashlib.sha256(self.avatar).hexdigest()[:16] if self.avatar else ""


@dataclass(frozen=True, slots=True)
class ProfileRecord:
    """A profile as its owner signed it, verified.

    Attributes:
        sequence: Of two records of a peer the higher one is newer; nanoseconds since the
            epoch by the owner's clock.
        expire_time_ns: Nanoseconds since the epoch.
        sealed: The signed envelope.
    """

    peer_id: PeerId
    profile: Profile
    sequence: int
    expire_time_ns: int
    sealed: bytes


@dataclass(frozen=True, slots=True)
class KnownProfile:
    """What a peer is called at this node, and why.

    Attributes:
        petname: What it is called here instead of its own name.
        lookalike_ids: Other peers whose names look the same, known longest first.
        update_time_ns: None where only the petname is known.
    """

    peer_id: PeerId
    profile: Profile = field(default_factory=Profile)
    petname: str = ""
    lookalike_ids: tuple[PeerId, ...] = ()
    update_time_ns: int | None = None
    expire_time_ns: int | None = None


def profile_from_parts(name: str, about: str, color: str, avatar: bytes) -> Profile:
    """Check a profile and prepare its name.

    Raises:
        InvalidInputError: Names the field that breaks the rules.
    """
    if len(about.encode("utf-8", "surrogatepass")) > MAX_ABOUT_BYTES:
        raise InvalidInputError(
            "profile.about", "INVALID_ABOUT", f"about is over {MAX_ABOUT_BYTES} bytes of UTF-8"
        )
    hidden = next((one for one in about if one != "\n" and _is_invisible(one)), None)
    if hidden is not None:
        raise InvalidInputError(
            "profile.about", "INVALID_ABOUT", f"about contains U+{ord(hidden):04X}"
        )
    if color and not _COLOR.fullmatch(color):
        raise InvalidInputError("profile.color", "INVALID_COLOR", "color is not #rrggbb")
    if len(avatar) > MAX_AVATAR_BYTES:
        raise InvalidInputError(
            "profile.avatar", "INVALID_AVATAR", f"the picture is over {MAX_AVATAR_BYTES} bytes"
        )
    if avatar and not image_type(avatar):
        raise InvalidInputError(
            "profile.avatar", "INVALID_AVATAR", "the picture is neither PNG, JPEG nor WebP"
        )
    return Profile(name_from_text(name, "profile.name"), about, color, avatar)


def name_from_text(text: str, field_name: str) -> str:
    """Prepare a name as RFC 8266 says; an empty one stays empty.

    Raises:
        InvalidInputError: It contains what no name may, or is over 64 bytes.
    """
    if not text:
        return ""
    if len(text.encode("utf-8", "surrogatepass")) > 4 * MAX_NAME_BYTES:
        raise InvalidInputError(
            field_name, "INVALID_NAME", f"name is over {MAX_NAME_BYTES} bytes of UTF-8"
        )
    try:
        prepared: str = _NICKNAME.enforce(text)
    except UnicodeEncodeError as error:
        raise InvalidInputError(field_name, "INVALID_NAME", _sentence(error)) from None
    refused = next((one for one in prepared if one in _JOINERS or _is_invisible(one)), None)
    if refused is not None:
        raise InvalidInputError(field_name, "INVALID_NAME", f"name contains U+{ord(refused):04X}")
    if len(prepared.encode()) > MAX_NAME_BYTES:
        raise InvalidInputError(
            field_name, "INVALID_NAME", f"name is over {MAX_NAME_BYTES} bytes of UTF-8"
        )
    return prepared


def image_type(data: bytes) -> str:
    """Return the media type of a picture by its first bytes; empty for anything else."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return ""


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) in _INVISIBLE


def _sentence(error: UnicodeEncodeError) -> str:
    refused = error.object[error.start : error.end]
    shown = " ".join(f"U+{ord(one):04X}" for one in refused[:4])
    return f"name contains {shown}" if shown else "name is empty once it is prepared"
