"""Who makes a call, by what it has shown at the door; passed to every use case."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping

from p2pd.api.access import Access
from p2pd.api.grpc_types import Context
from p2pd.domain.callers import LOCAL_CALLER, Caller

TOKEN_CALLER = Caller("token")
"""Whoever shows the node's token: all of them are one caller."""
SUBJECT_KEYS = ("x509_subject", "x509_common_name", "x509_subject_alternative_name")
"""What gRPC reads from a client certificate, the most specific first."""
MAX_NAME_BYTES = 128
"""A longer subject is named by its digest: the name is stored with each message."""

CallerOf = Callable[[Context], Caller]


def caller_reader(access: Access) -> CallerOf:
    """Return the function that names the caller of a call behind this door."""
    caller = caller_of_all(access)
    if caller is None:
        return lambda context: caller_from_auth_context(context.auth_context())
    return lambda _: caller


def caller_of_all(access: Access) -> Caller | None:
    """Return the one caller of all calls behind this door; None where each shows a certificate."""
    if access.needs_certificate:
        return None
    return LOCAL_CALLER if access.token is None else TOKEN_CALLER


def caller_from_auth_context(auth_context: Mapping[str, Iterable[bytes]]) -> Caller:
    """Name a caller by the subject of the certificate that TLS has verified."""
    for key in SUBJECT_KEYS:
        subject = b",".join(auth_context.get(key, ()))
        if len(subject) > MAX_NAME_BYTES:
            return Caller(f"certificate:sha256:{hashlib.sha256(subject).hexdigest()}")
        if subject:
            return Caller(f"certificate:{subject.decode('utf-8', 'backslashreplace')}")
    return Caller("certificate")
