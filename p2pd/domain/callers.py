"""Who calls the node: made at the door of the API and passed to every use case."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """A program that calls this node.

    Idempotence and limits are per caller.

    Attributes:
        name: From the token or the client certificate; empty for whoever needs
            neither, all of whom are one caller.
        scopes: What the caller may do; empty where everything is allowed.
    """

    name: str = ""
    scopes: frozenset[str] = frozenset()


LOCAL_CALLER = Caller()
"""Whoever reaches a door that is open to everybody on this machine."""
