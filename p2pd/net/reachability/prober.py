"""Asks peers to dial this node, a second apart and seldom: AutoNAT v2, or v1 of older ones.

Run by ``service``. Only direct peers at internet addresses are asked: nobody else can
say whether the internet reaches this node, and in a private network nothing is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
import trio
from multiaddr import Multiaddr

from p2pd.domain.names import PeerId
from p2pd.domain.reach import EvidenceKind, ReachabilityEvidence
from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.patches.basic_host import NodeHost
from p2pd.net.reachability.address_checks import AddressAnswer, AddressChecks
from p2pd.net.reachability.autonat import (
    AUTONAT,
    AutonatError,
    Status,
    answer_from_response,
    dial_request,
    read_message,
)
from p2pd.net.reachability.observers import Observer, observers_among
from p2pd.net.reachability.question_times import QuestionTimes
from p2pd.net.streams.framed import write_frame
from p2pd.net.streams.opened import open_stream, reset_quietly

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
NEXT_ADDRESS_S = 5 * SECONDS
"""Between two addresses of which one peer is asked: go-libp2p takes twelve a minute."""
LOOK_EVERY_S = 1 * MINUTES
MAX_ADDRESSES = 8
MAX_AT_ONCE = 8

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ProberNeeds:
    """What the service knows and does for the prober.

    Attributes:
        candidates: Where this node may be dialled.
        missing_answers: How many more answers are wanted now.
        missing_votes: How many more votes on one address are wanted of a group; 0 where
            the group has voted.
        report: Takes the answer of an observer, by the observer's group, and the address
            that it is about; empty for all.
        refused: Called when a peer dials none of the addresses that it was asked about.
        clock_ns: Nanoseconds since the epoch.
    """

    candidates: Callable[[], Sequence[Multiaddr]]
    missing_answers: Callable[[], int]
    missing_votes: Callable[[str, str], int]
    report: Callable[[str, ReachabilityEvidence, str], None]
    refused: Callable[[], None]
    clock_ns: Callable[[], int]


@dataclass(frozen=True, slots=True)
class _Question:
    """What an observer is asked next; about all addresses in v1."""

    observer: Observer
    addresses: tuple[Multiaddr, ...]

    @property
    def first(self) -> str:
        """The address that matters."""
        return str(self.addresses[0]) if self.observer.names_addresses else ""


class Prober:
    """Ask until enough answers are there, then now and again."""

    def __init__(self, host: NodeHost, needs: ProberNeeds, rejections: Rejections) -> None:
        self.checks = AddressChecks(host, rejections)
        self._host = host
        self._needs = needs
        self._rejections = rejections
        self._times = QuestionTimes()
        self._asked: list[_Question] = []
        self._wake = trio.Event()

    def look_again(self) -> None:
        """Look now whether somebody is to be asked."""
        self._wake.set()

    def ask_anew(self) -> None:
        """Forget who was asked: this node can be elsewhere."""
        self._times.clear()
        self._wake.set()

    def observers(self) -> list[Observer]:
        """List one connected peer of each network that serves AutoNAT, of version 2 if any."""
        return observers_among(self._host)

    def may_be_answered(self, address: str) -> bool:
        """Return whether a peer is being asked about an address, or soon will be."""
        if any(address == each.first for each in self._asked):
            return True
        now_s = trio.current_time()
        due = self._times.due(self.observers(), now_s + NEXT_ADDRESS_S)
        return any(
            each.names_addresses and not self._times.is_refused_by(each.group, address, now_s)
            for each in due
        )

    async def run(self) -> None:
        """Ask one observer after the other, as answers are needed.

        One that waits for its own dial to fail does not keep the next from being asked.
        """
        await trio.sleep(FIRST_S)
        async with trio.open_nursery() as nursery:
            while True:
                self._wake = trio.Event()
                question = self._next_question()
                if question is not None:
                    self._times.rest(question.observer.group, trio.current_time() + RETRY_S)
                    self._asked.append(question)
                    nursery.start_soon(self._ask, question)
                else:
                    await self._wait()
                await trio.sleep(SPACING_S)

    async def _wait(self) -> None:
        """Wait until somebody may be asked again, or who is there has changed."""
        next_s = self._times.next_s(trio.current_time(), LOOK_EVERY_S)
        with trio.CancelScope(deadline=next_s):
            await self._wake.wait()

    def _next_question(self) -> _Question | None:
        candidates = tuple(self._needs.candidates())[:MAX_ADDRESSES]
        if not candidates or len(self._asked) >= MAX_AT_ONCE:
            return None
        for observer in self._times.due(self.observers(), trio.current_time()):
            addresses = candidates
            if observer.names_addresses:
                addresses = self._open_addresses(observer, candidates)
            elif self._needs.missing_answers() <= len(self._asked):
                continue
            if addresses:
                return _Question(observer, addresses)
        return None

    def _open_addresses(
        self, observer: Observer, candidates: Sequence[Multiaddr]
    ) -> tuple[Multiaddr, ...]:
        """List what an observer is to be asked about, of its own IP version first.

        A dial to the other version's address goes to another IP address, and is paid for.
        """
        now_s = trio.current_time()
        under_way = [each.first for each in self._asked]
        missing = [
            each
            for each in candidates
            if self._needs.missing_votes(observer.group, str(each)) > under_way.count(str(each))
            and not self._times.is_refused_by(observer.group, str(each), now_s)
        ]
        return tuple(sorted(missing, key=lambda each: not observer.has_version_of(each)))

    async def _ask(self, question: _Question) -> None:
        evidence: ReachabilityEvidence | None = None
        try:
            evidence = await self._answer_to(question)
        finally:
            self._asked.remove(question)
            self._wake.set()
        if evidence is not None:
            observer = question.observer
            rest_s = NEXT_ADDRESS_S if observer.names_addresses else REASK_S
            self._times.rest(observer.group, trio.current_time() + rest_s)
            about = evidence.address if observer.names_addresses else ""
            self._needs.report(observer.group, evidence, about)

    async def _answer_to(self, question: _Question) -> ReachabilityEvidence | None:
        peer_id = str(question.observer.peer_id)
        try:
            with trio.fail_after(ASK_TIMEOUT_S):
                if question.observer.names_addresses:
                    return await self._check_address(question)
                return await self._exchange(question)
        except AutonatError as error:
            self._rejections.count(RejectionReason.AUTONAT_REPLY_INVALID)
            log.debug("autonat answer malformed", peer_id=peer_id, error=str(error))
        # Whatever a stream of a peer that goes away raises.
        except Exception as error:
            log.debug("autonat not answered", peer_id=peer_id, error=repr(error))
        return None

    async def _check_address(self, question: _Question) -> ReachabilityEvidence | None:
        observer = question.observer
        match await self.checks.ask(observer.connection, question.addresses):
            case AddressAnswer(address=Multiaddr() as address, is_reachable=is_reachable):
                return self._evidence(question, is_reachable, str(address))
            case AddressAnswer():
                refused_until_s = trio.current_time() + REASK_S
                for each in question.addresses:
                    self._times.refuse(observer.group, str(each), refused_until_s)
                self._times.rest(observer.group, trio.current_time() + NEXT_ADDRESS_S)
                self._needs.refused()
        return None

    async def _exchange(self, question: _Question) -> ReachabilityEvidence | None:
        stream = await open_stream(self._host, question.observer.connection, AUTONAT)
        try:
            await write_frame(stream, dial_request(self._host.get_id(), question.addresses))
            status, address = answer_from_response(await read_message(stream))
        finally:
            await reset_quietly(stream)
        if status not in (Status.OK, Status.E_DIAL_ERROR):
            return None
        is_reachable = status == Status.OK
        is_named = is_reachable and address in question.addresses
        return self._evidence(question, is_reachable, str(address) if is_named else "")

    def _evidence(
        self, question: _Question, is_reachable: bool, address: str
    ) -> ReachabilityEvidence:
        return ReachabilityEvidence(
            kind=EvidenceKind.AUTONAT,
            is_reachable=is_reachable,
            time_ns=self._needs.clock_ns(),
            peer_id=PeerId(str(question.observer.peer_id)),
            address=address,
        )
