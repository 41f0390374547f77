from __future__ import annotations

import errno

import pytest
import trio
from libp2p.network.exceptions import SwarmException
from libp2p.relay.circuit_v2.pb.circuit_pb2 import Status
from libp2p.transport.exceptions import OpenConnectionError
from multiaddr import Multiaddr

from p2pd.net.dial_failures import DialFailure, DialFailures, failure_from_error
from p2pd.net.relay.messages import RelayError

TCP = Multiaddr("/ip4/192.0.2.1/tcp/4001")
QUIC = Multiaddr("/ip4/192.0.2.1/udp/4001/quic-v1")
RELAYED = Multiaddr(f"{TCP}/p2p/12D3KooWLZYczgnCEo1NjWAp7MaSyug8UbcwxUr5EMbr5WqrqrB3/p2p-circuit")


def wrapped(error: Exception) -> Exception:
    """Wrap an error as the library does, in other exceptions and groups."""
    outer = OpenConnectionError("dial failed")
    outer.__cause__ = ExceptionGroup("attempts", [error])
    return outer


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (OSError(errno.ECONNREFUSED, "refused"), DialFailure.REFUSED),
        (OSError(errno.EHOSTUNREACH, "no route"), DialFailure.UNREACHABLE),
        (OSError(errno.ETIMEDOUT, "timed out"), DialFailure.TIMEOUT),
        (trio.TooSlowError(), DialFailure.TIMEOUT),
        (ConnectionResetError(errno.ECONNRESET, "reset"), DialFailure.CLOSED),
        (trio.BrokenResourceError(), DialFailure.CLOSED),
        (RelayError(Status.NO_RESERVATION), DialFailure.NOT_RELAYED),
        (OSError(errno.EIO, "what a peer made up"), DialFailure.OTHER),
        (ValueError("anything"), DialFailure.OTHER),
    ],
)
def test_a_failure_has_the_reason_of_its_innermost_cause(
    error: Exception, failure: DialFailure
) -> None:
    assert failure_from_error(error) is failure
    assert failure_from_error(wrapped(error)) is failure


def test_failures_are_counted_by_reason_and_transport() -> None:
    failures = DialFailures()
    refused = OSError(errno.ECONNREFUSED, "refused")
    for address in (TCP, TCP, QUIC, RELAYED):
        failures.count_address(address, wrapped(refused))
    failures.count(DialFailure.TIMEOUT)
    before = failures.totals
    failures.count_address(TCP, SwarmException("no"))
    assert dict(before) == {
        ("refused", "tcp"): 2,
        ("refused", "quic-v1"): 1,
        ("refused", "relay"): 1,
        ("timeout", "any"): 1,
    }
    assert dict(failures.totals)["other", "tcp"] == 1
