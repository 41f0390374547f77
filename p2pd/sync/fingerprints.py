"""How a session compares sums: by whole fingerprints, or by short ones that it salts.

A short fingerprint that does not depend on the session could be made equal to another
one by trying; with a salt that the initiator draws nobody knows what to make.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from p2pd.domain.items import FINGERPRINT_BYTES, Fingerprint, Summary

SALTED_FINGERPRINT_BYTES = 8


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """The fingerprints of one session.

    Attributes:
        salt: Of short fingerprints, 1 to 2⁶⁴ - 1; 0 for whole ones.
    """

    salt: int = 0

    def of(self, summary: Summary) -> Fingerprint:
        """Return what to send of a sum."""
        return self._salted(summary) if self.salt else summary.fingerprint

    def match(self, summary: Summary, theirs: Fingerprint | None) -> bool:
        """Return whether a fingerprint, whole or short, is that of a sum."""
        if theirs is None:
            return False
        is_whole = len(theirs) == FINGERPRINT_BYTES
        return theirs == (summary.fingerprint if is_whole else self._salted(summary))

    def _salted(self, summary: Summary) -> Fingerprint:
        content = self.salt.to_bytes(8, "big") + summary.fingerprint_content
        return Fingerprint(hashlib.sha256(content).digest()[:SALTED_FINGERPRINT_BYTES])


WHOLE = Fingerprints()
