"""What can go wrong in the gateway.

    GatewayError
    ├── ListenError     the address cannot be bound; start-up ends with exit code 1
    └── NodeError       the node refused a call, or is away; carries a Refusal

A ``Refusal`` is the same for a browser and for a REST client: translated once
from gRPC in ``gateway.node``, once into a frame and once into HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something asked for was not done.

    Attributes:
        code: Name of the gRPC status, such as ``INVALID_ARGUMENT``.
        reason: Stable upper-case name that programs can rely on.
        message: A sentence for people.
        field: The field at fault, where there is one.
        retry_after_ms: When it is worth another try, where that is known.
        setting: The setting that allows what was refused, where there is one.
        value: What was refused, such as an origin; for the log.
    """

    code: str
    reason: str
    message: str
    field: str | None = None
    retry_after_ms: int | None = None
    setting: str | None = None
    value: str | None = None


class GatewayError(Exception):
    """Anything the gateway itself raises."""


class ListenError(GatewayError):
    """The address to listen on cannot be bound."""


class NodeError(GatewayError):
    """The node did not do what it was asked.

    Attributes:
        problem: What is wrong with the node or the link, for an operator.
    """

    def __init__(self, refusal: Refusal, problem: str = "") -> None:
        super().__init__(refusal.message)
        self.refusal = refusal
        self.problem = problem or refusal.message


NODE_AWAY = Refusal(
    "UNAVAILABLE", "NODE_AWAY", "the node is away; nothing was accepted", retry_after_ms=1000
)
"""Answer to whatever needs the node while it is not there."""
OUTCOME_UNKNOWN = Refusal(
    "UNAVAILABLE",
    "OUTCOME_UNKNOWN",
    "the node went away before it answered; it may or may not have accepted this",
)
"""Answer to what was under way when the node went away."""
