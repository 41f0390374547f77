"""Finds peers on the local network, and is found there: multicast DNS.

Owns the zeroconf session, which lives in a thread of its own and is opened
anew when this machine's addresses change. Run by ``discovery``. The library's
mDNS never dials, blocks the loop for seconds, announces and reads one address of
many, and does not see js and rust peers, who send no SRV record (patches
18 and 64).
"""

from __future__ import annotations

import errno
import secrets
import socket
from collections import defaultdict
from collections.abc import Callable, Sequence

import structlog
import trio
from libp2p.peer.peerinfo import PeerInfo
from multiaddr import Multiaddr
from zeroconf import (
    DNSOutgoing,
    DNSQuestion,
    DNSText,
    RecordUpdate,
    RecordUpdateListener,
    ServiceInfo,
    Zeroconf,
)
from zeroconf.const import _CLASS_IN, _FLAGS_QR_QUERY, _TYPE_PTR

from common.backoff import Backoff
from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.descriptors import DescriptorReserve
from p2pd.net.discovery.mdns_records import (
    SERVICE,
    hosts_from_addresses,
    peers_from_text,
    port_from_addresses,
    text_from_addresses,
)
from p2pd.net.interfaces import network_hosts

NAME_BYTES = 20
LEAST_ASK_S = 1.0
MOST_ASK_S = 30.0
LEAST_RETRY_S = 1.0
MOST_RETRY_S = 5.0
LOOK_AT_ADDRESSES_S = 2.0
OPEN_TIMEOUT_S = 30.0
CLOSE_TIMEOUT_S = 2.0
MAX_TEXTS_WAITING = 256
FALLBACK_PORT = 4001

_log = structlog.get_logger(__name__)


async def run_mdns(
    own_addresses: Callable[[], Sequence[Multiaddr]],
    queue_dial: Callable[[PeerInfo], None],
    rejections: Rejections,
) -> None:
    """Announce this node and have every peer dialled that announces itself.

    Args:
        own_addresses: Where others can dial this node, each ending in ``/p2p/ID``.

    Cancellation: runs until cancelled; then says goodbye, within two seconds.
    """
    backoff = Backoff(LEAST_RETRY_S, MOST_RETRY_S)
    while True:
        try:
            await _run_session(tuple(own_addresses()), own_addresses, queue_dial, rejections)
            backoff.reset()
        # No network, no multicast, port 5353 taken by one who does not share.
        except OSError as error:
            log = _log.debug if backoff.failures else _log.info
            log("mdns is not to be had", error=repr(error))
        # The boundary: zeroconf's own surprises must not end discovery.
        except Exception as error:
            rejections.count(RejectionReason.MDNS_SESSION_FAILED)
            _log.warning("mdns session failed", error=repr(error))
        await trio.sleep(backoff.next_delay_s())


async def _run_session(
    addresses: tuple[Multiaddr, ...],
    own_addresses: Callable[[], Sequence[Multiaddr]],
    queue_dial: Callable[[PeerInfo], None],
    rejections: Rejections,
) -> None:
    """Take part until this node's addresses change."""
    async with (
        _Session(addresses, queue_dial, rejections) as session,
        trio.open_nursery() as asking,
    ):
        asking.start_soon(_keep_asking, session)
        await _addresses_differ(own_addresses, addresses)
        asking.cancel_scope.cancel()


async def _addresses_differ(
    own_addresses: Callable[[], Sequence[Multiaddr]], addresses: tuple[Multiaddr, ...]
) -> None:
    """Return once this node's addresses are others than these."""
    while True:
        await trio.sleep(LOOK_AT_ADDRESSES_S)
        if tuple(own_addresses()) != addresses:
            return


async def _keep_asking(session: _Session) -> None:
    backoff = Backoff(LEAST_ASK_S, MOST_ASK_S)
    while True:
        session.ask()
        await trio.sleep(backoff.next_delay_s())


class _Session(RecordUpdateListener):
    """One zeroconf session, for as long as the addresses stay the same."""

    def __init__(
        self,
        addresses: Sequence[Multiaddr],
        queue_dial: Callable[[PeerInfo], None],
        rejections: Rejections,
    ) -> None:
        super().__init__()
        self._queue_dial = queue_dial
        self._rejections = rejections
        self._trio = trio.lowlevel.current_trio_token()
        self._waiting = 0
        self._is_open = True
        self._hosts = _hosts_to_speak_from(addresses)
        self._text = text_from_addresses(addresses)
        self._service = _service_from_addresses(addresses, self._hosts, self._text)

    async def __aenter__(self) -> _Session:
        # zeroconf waits for ever for a thread of its own that has no descriptors.
        if not DescriptorReserve().permits_discovery():
            raise OSError(errno.EMFILE, "too few file descriptors for mdns")
        try:
            with trio.fail_after(OPEN_TIMEOUT_S):
                self._zeroconf = await trio.to_thread.run_sync(  # the stubs are of an older trio
                    self._open,
                    abandon_on_cancel=True,  # type: ignore[call-arg]
                )
        except BaseException:
            self._is_open = False
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._is_open = False
        deadline_s = trio.current_time() + CLOSE_TIMEOUT_S
        with trio.CancelScope(deadline=deadline_s, shield=True):
            await trio.to_thread.run_sync(  # the stubs are of an older trio
                self._zeroconf.close,
                abandon_on_cancel=True,  # type: ignore[call-arg]
            )

    def _open(self) -> Zeroconf:
        zeroconf = Zeroconf(self._hosts)
        try:
            zeroconf.add_listener(self, None)
            if self._text:
                # A name of 160 random bits needs no second of asking whether it is free.
                zeroconf.register_service(self._service, cooperating_responders=True)
            if not self._is_open:
                raise OSError("nobody waits for the session any more")
        except BaseException:
            zeroconf.close()
            raise
        return zeroconf

    def ask(self) -> None:
        """Ask who is there; every peer answers, a lost one may be dialled anew."""
        question = DNSOutgoing(_FLAGS_QR_QUERY)
        question.add_question(DNSQuestion(SERVICE, _TYPE_PTR, _CLASS_IN))
        self._zeroconf.send(question)

    def async_update_records(self, _zc: Zeroconf, _now: float, records: list[RecordUpdate]) -> None:
        """Pass on the peers of one packet; called in zeroconf's thread."""
        texts: defaultdict[str, bytes] = defaultdict(bytes)
        for update in records:
            record = update.new
            if isinstance(record, DNSText) and record.name.lower().endswith(f".{SERVICE}"):
                texts[record.name] += record.text  # js and rust send a record an address
        for text in texts.values():
            self._hand_over(text)

    def async_update_records_complete(self) -> None:
        """Nothing is left to do once the cache has the records."""

    def _hand_over(self, text: bytes) -> None:
        if self._waiting >= MAX_TEXTS_WAITING:
            return
        self._waiting += 1
        try:
            self._trio.run_sync_soon(self._read_record, text)
        except trio.RunFinishedError:
            self._waiting -= 1

    def _read_record(self, text: bytes) -> None:
        """Have the peers of one record dialled; called in the trio thread."""
        self._waiting -= 1
        if not self._is_open:
            return
        try:
            peers = peers_from_text(text)
        # The parsers of addresses and ids raise whatever their codecs raise.
        except Exception:
            self._rejections.count(RejectionReason.MDNS_RECORD_INVALID)
            return
        for peer in peers:
            self._queue_dial(peer)


def _hosts_to_speak_from(addresses: Sequence[Multiaddr]) -> list[str]:
    """List the addresses of this machine that are announced, or else all it has.

    Raises:
        OSError: There is no network.
    """
    here = [host for version in (4, 6) for host in network_hosts(version)]
    announced = frozenset(hosts_from_addresses(addresses))
    hosts = [host for host in here if host in announced] or here
    if not hosts:
        raise OSError("no network but loopback")
    return hosts


def _service_from_addresses(
    addresses: Sequence[Multiaddr], hosts: Sequence[str], text: bytes
) -> ServiceInfo:
    """Describe this node under a name that is new each time, as the specification has it."""
    name = secrets.token_hex(NAME_BYTES)
    return ServiceInfo(
        SERVICE,
        f"{name}.{SERVICE}",
        port=port_from_addresses(addresses) or FALLBACK_PORT,
        properties=text,
        server=f"{name}.local.",
        addresses=[_packed(host) for host in hosts],
    )


def _packed(host: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
