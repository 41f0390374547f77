"""Asks peers to dial this node (AutoNAT v1), a second apart and seldom.

Run by ``service``. Only direct peers at internet addresses are asked: nobody else can
say whether the internet reaches this node, and in a private network nothing is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
import trio
from libp2p.abc import INetConn
from libp2p.peer.id import ID
from multiaddr import Multiaddr

from p2pd.domain.names import PeerId
from p2pd.domain.reach import EvidenceKind, ReachabilityEvidence
from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.patches.basic_host import NodeHost
from p2pd.net.reachability.autonat import (
    AUTONAT,
    AutonatError,
    Status,
    answer_from_response,
    dial_request,
    read_message,
)
from p2pd.net.reachability.connections import direct_peer_ip, is_open_and_direct
from p2pd.net.reachability.endpoints import is_global
from p2pd.net.streams.framed import write_frame
from p2pd.net.streams.opened import open_stream, reset_quietly
from p2pd.net.subscribers import subscriber_of

SECONDS = 1.0
MINUTES = 60.0
FIRST_S = 1 * SECONDS
"""Identify of the first peers comes in meanwhile."""
SPACING_S = 1 * SECONDS
ASK_TIMEOUT_S = 25 * SECONDS
"""go-libp2p gives its own dial 15 s."""
REASK_S = 15 * MINUTES
RETRY_S = 3 * MINUTES
"""For a peer that gave no answer: refused, failed or too slow."""
LOOK_EVERY_S = 1 * MINUTES
MAX_ADDRESSES = 8
MAX_REMEMBERED = 256

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Observer:
    """A peer that can be asked, on one connection."""

    peer_id: ID
    group: str
    connection: INetConn


@dataclass(frozen=True, slots=True)
class ProberNeeds:
    """What the service knows and does for the prober.

    Attributes:
        candidates: Where this node may be dialled.
        missing_answers: How many more answers are wanted now.
        report: Takes the answer of an observer, by the observer's group.
        clock_ns: Nanoseconds since the epoch.
    """

    candidates: Callable[[], Sequence[Multiaddr]]
    missing_answers: Callable[[], int]
    report: Callable[[str, ReachabilityEvidence], None]
    clock_ns: Callable[[], int]


class Prober:
    """Ask until enough answers are there, then now and again."""

    def __init__(self, host: NodeHost, needs: ProberNeeds, rejections: Rejections) -> None:
        self._host = host
        self._needs = needs
        self._rejections = rejections
        self._ask_again_s: dict[str, float] = {}
        self._asking = 0
        self._wake = trio.Event()

    def look_again(self) -> None:
        """Look now whether somebody is to be asked."""
        self._wake.set()

    def ask_anew(self) -> None:
        """Forget who was asked: this node can be elsewhere."""
        self._ask_again_s.clear()
        self._wake.set()

    def observers(self) -> list[Observer]:
        """List one connected peer of each network that serves AutoNAT."""
        found: dict[str, Observer] = {}
        for peer_id in self._host.get_connected_peers():
            identity = self._host.identity_of(peer_id)
            if identity is None or AUTONAT not in identity.protocols:
                continue
            for connection in self._host.swarm.get_connections(peer_id):
                ip = direct_peer_ip(connection)
                if ip is not None and is_global(ip) and is_open_and_direct(connection):
                    found.setdefault(
                        subscriber_of(ip), Observer(peer_id, subscriber_of(ip), connection)
                    )
        return list(found.values())

    async def run(self) -> None:
        """Ask one observer after the other, as answers are needed.

        One that waits for its own dial to fail does not keep the next from being asked.
        """
        await trio.sleep(FIRST_S)
        async with trio.open_nursery() as nursery:
            while True:
                self._wake = trio.Event()
                observer = self._next_observer()
                if observer is not None:
                    self._remember(observer.group, RETRY_S)
                    self._asking += 1
                    nursery.start_soon(self._ask, observer)
                else:
                    with trio.move_on_after(LOOK_EVERY_S):
                        await self._wake.wait()
                await trio.sleep(SPACING_S)

    def _next_observer(self) -> Observer | None:
        if self._needs.missing_answers() <= self._asking or not self._needs.candidates():
            return None
        now_s = trio.current_time()
        due = (
            each for each in self.observers() if self._ask_again_s.get(each.group, now_s) <= now_s
        )
        return min(due, key=lambda each: self._ask_again_s.get(each.group, 0.0), default=None)

    async def _ask(self, observer: Observer) -> None:
        try:
            evidence = await self._answer_of(observer)
        finally:
            self._asking -= 1
            self._wake.set()
        if evidence is not None:
            self._remember(observer.group, REASK_S)
            self._needs.report(observer.group, evidence)

    def _remember(self, group: str, rest_s: float) -> None:
        self._ask_again_s.pop(group, None)
        self._ask_again_s[group] = trio.current_time() + rest_s
        while len(self._ask_again_s) > MAX_REMEMBERED:
            del self._ask_again_s[next(iter(self._ask_again_s))]

    async def _answer_of(self, observer: Observer) -> ReachabilityEvidence | None:
        try:
            with trio.fail_after(ASK_TIMEOUT_S):
                return await self._exchange(observer)
        except AutonatError as error:
            self._rejections.count(RejectionReason.AUTONAT_REPLY_INVALID)
            log.debug("autonat answer malformed", peer_id=str(observer.peer_id), error=str(error))
        # Whatever a stream of a peer that goes away raises.
        except Exception as error:
            log.debug("autonat not answered", peer_id=str(observer.peer_id), error=repr(error))
        return None

    async def _exchange(self, observer: Observer) -> ReachabilityEvidence | None:
        candidates = list(self._needs.candidates())[:MAX_ADDRESSES]
        stream = await open_stream(self._host, observer.connection, AUTONAT)
        try:
            await write_frame(stream, dial_request(self._host.get_id(), candidates))
            status, address = answer_from_response(await read_message(stream))
        finally:
            await reset_quietly(stream)
        if status not in (Status.OK, Status.E_DIAL_ERROR):
            return None
        is_reachable = status == Status.OK
        return ReachabilityEvidence(
            kind=EvidenceKind.AUTONAT,
            is_reachable=is_reachable,
            time_ns=self._needs.clock_ns(),
            peer_id=PeerId(str(observer.peer_id)),
            address=str(address) if is_reachable and address in candidates else "",
        )
