"""Both roles of DCUtR, message by message. Pure: messages and times in, messages out.

The peer that accepted the relayed connection is the initiator; it measures the round
trip. Whatever runs on the connection that comes of it, the responder is its client.
Driven by ``service``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from libp2p.relay.circuit_v2.pb.dcutr_pb2 import HolePunch
from multiaddr import Multiaddr

from p2pd.net.advertised import bounded_addresses


class ExchangeError(Exception):
    """The peer broke the protocol."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What both ends know now.

    Attributes:
        addresses: Where the peer says it is; not checked, at most 16.
        dial_after_s: How long to wait before dialling, so that both dials cross.
    """

    addresses: tuple[Multiaddr, ...]
    dial_after_s: float


class Initiator:
    """Ask, measure, and give the signal."""

    def __init__(self, own_addresses: Sequence[Multiaddr]) -> None:
        self._own_addresses = own_addresses
        self._asked_s: float | None = None
        self.round_trip_s: float | None = None

    def start(self, now_s: float) -> HolePunch:
        """Make the first message; to be called right before it is written."""
        self._asked_s = now_s
        return _connect(self._own_addresses)

    def receive(self, message: HolePunch, now_s: float) -> tuple[HolePunch, Agreement]:
        """Handle the answer; returns the signal to write, and what to do after it.

        Raises:
            ExchangeError: It is not the answer.
        """
        if self._asked_s is None or message.type != HolePunch.CONNECT:
            raise ExchangeError("a CONNECT was to come")
        self.round_trip_s = now_s - self._asked_s
        agreement = Agreement(_addresses(message), self.round_trip_s / 2)
        return HolePunch(type=HolePunch.SYNC), agreement


class Responder:
    """Answer, and dial at the signal."""

    def __init__(self) -> None:
        self._addresses: tuple[Multiaddr, ...] | None = None

    def receive_connect(self, message: HolePunch, own_addresses: Sequence[Multiaddr]) -> HolePunch:
        """Handle the first message; returns the answer.

        Raises:
            ExchangeError: It is another message.
        """
        if self._addresses is not None or message.type != HolePunch.CONNECT:
            raise ExchangeError("a CONNECT was to come")
        self._addresses = _addresses(message)
        return _connect(own_addresses)

    def receive_sync(self, message: HolePunch) -> Agreement:
        """Handle the signal.

        Raises:
            ExchangeError: It is another message.
        """
        if self._addresses is None or message.type != HolePunch.SYNC:
            raise ExchangeError("a SYNC was to come")
        return Agreement(self._addresses, 0.0)


def _connect(addresses: Sequence[Multiaddr]) -> HolePunch:
    encoded = [address.to_bytes() for address in addresses]
    return HolePunch(type=HolePunch.CONNECT, ObsAddrs=encoded)


def _addresses(message: HolePunch) -> tuple[Multiaddr, ...]:
    return tuple(bounded_addresses(cast(Sequence[bytes], message.ObsAddrs)))
