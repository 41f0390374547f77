"""Profiles: this node's own, those of peers that it met, and what peers are called here.

The one writer of both kinds of entries in the store. Called in the trio thread by the API
and by ``p2pd.net.profiles``, which has verified what it gives.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Never, Protocol

import structlog
import trio

from p2pd.chat.profile_names import ProfileNames
from p2pd.domain.events import ProfileChanged
from p2pd.domain.names import PeerId
from p2pd.domain.profiles import KnownProfile, Profile, ProfileRecord
from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.errors import ChatError, LimitReachedError, ProfileUnknownError
from p2pd.log.log import Log
from p2pd.store.entry_store import EntryKind, EntryStore
from p2pd.tasks import attempt

DAY_NS = 24 * 3600 * 10**9
VALID_NS = 30 * DAY_NS
"""Our own record is good for so long, and written anew after half of it."""
REFRESH_BEFORE_NS = 5 * DAY_NS
"""A peer that is there has written its record anew long before."""
REFRESHED_AT_ONCE = 8
REFRESH_S = 60.0
MAX_PROFILES = 1_024
MAX_PROFILES_BYTES = 8 << 20
MAX_PETNAMES = 4_096
MAX_CONCERNED = 16
"""Peers that are reported again because one that looks like them came or went."""
UPKEEP_INTERVAL_S = 600.0
REPEAT_S = 60.0

log_line = structlog.get_logger(__name__)


class Sealer(Protocol):
    """Signs our own records and reads those that are stored."""

    own_id: PeerId

    def seal(self, profile: Profile, sequence: int, expire_time_ns: int) -> ProfileRecord:
        """Sign a profile."""

    def open(self, sealed: bytes, peer_id: PeerId, now_ns: int) -> ProfileRecord | None:
        """Read a stored record of a peer; None where it is good no more. Ours always is."""


class Profiles:
    """Known profiles, at most 1,024 and 8 MiB; the one that came longest ago makes room.

    Profiles of peers that have a petname, and our own, make no room for others.

    Attributes:
        on_own_changed: Called once our own record is another one.
        fetch: Asks for the profile of a peer, and gives what comes to ``receive``.
    """

    def __init__(self, log: Log, store: EntryStore, sealer: Sealer, rejections: Rejections) -> None:
        self.on_own_changed: list[Callable[[], None]] = []
        self.fetch: list[Callable[[PeerId], Awaitable[None]]] = []
        self._log = log
        self._store = store
        self._sealer = sealer
        self._rejections = rejections
        self._own_id = sealer.own_id
        self._names = ProfileNames()
        self._records: dict[PeerId, ProfileRecord] = {}
        self._refreshed_ns: dict[PeerId, int] = {}
        """When a record that ends soon was asked for again."""
        self._petnames = {
            PeerId(key): value.decode() for key, value in store.entries(EntryKind.PETNAME).items()
        }
        self._load()

    @property
    def own(self) -> ProfileRecord | None:
        """This node's own record; None where nobody has written one."""
        return self._records.get(self._own_id)

    def sequence_of(self, peer_id: PeerId) -> int:
        """Return the sequence of the newest record held of a peer; 0 for none."""
        record = self._records.get(peer_id)
        return record.sequence if record else 0

    def known(self, peer_id: PeerId) -> KnownProfile:
        """Return what is known of a peer, which may be nothing but its id."""
        record = self._records.get(peer_id)
        return KnownProfile(
            peer_id,
            record.profile if record else Profile(),
            self._petnames.get(peer_id, ""),
            self._names.lookalikes(peer_id),
            record.sequence if record else None,
            record.expire_time_ns if record else None,
        )

    def all_known(self) -> tuple[KnownProfile, ...]:
        """Return all that have a profile or a petname, by id."""
        return tuple(map(self.known, sorted({*self._records, *self._petnames})))

    async def get(self, peer_id: PeerId, within_s: float) -> KnownProfile:
        """Return what is known of a peer, after asking for it where that is nothing.

        Raises:
            ProfileUnknownError: Nobody that could be asked has a profile of it.
        """
        peer_id = peer_id or self._own_id
        with trio.move_on_after(within_s):
            for fetch in self.fetch:
                if peer_id in self._records or peer_id == self._own_id:
                    break
                await fetch(peer_id)
        known = self.known(peer_id)
        is_own = peer_id == self._own_id
        if known.update_time_ns is None and not known.petname and not is_own:
            raise ProfileUnknownError(peer_id)
        return known

    async def set_own(self, profile: Profile) -> KnownProfile:
        """Publish what this node's person says of themselves.

        Raises:
            StorageFullError: There is no room to store it; nothing was changed.
            StorageFailedError: It may not survive.
        """
        self._write_own(profile)
        await self._store.wait_committed()
        return self.known(self._own_id)

    async def set_petname(self, peer_id: PeerId, petname: str) -> KnownProfile:
        """Call a peer by another name at this node; an empty one ends that.

        Raises:
            LimitReachedError: 4,096 peers have one.
            StorageFullError: There is no room to store it; nothing was changed.
            StorageFailedError: It may not survive.
        """
        if petname and peer_id not in self._petnames and len(self._petnames) >= MAX_PETNAMES:
            raise LimitReachedError(
                "TOO_MANY_PETNAMES", f"{MAX_PETNAMES} peers have a petname", REPEAT_S
            )
        self._store.save_entry(EntryKind.PETNAME, peer_id, petname.encode() or None)
        self._petnames.pop(peer_id, None)
        if petname:
            self._petnames[peer_id] = petname
        self._emit(peer_id)
        await self._store.wait_committed()
        return self.known(peer_id)

    def receive(self, record: ProfileRecord) -> None:
        """Handle a verified record of a peer: the newest wins."""
        peer_id = record.peer_id
        if peer_id == self._own_id or record.sequence == self.sequence_of(peer_id):
            return
        if record.sequence < self.sequence_of(peer_id):
            self._rejections.count(RejectionReason.PROFILE_OUTDATED)
            return
        try:
            self._store.save_entry(EntryKind.PROFILE, peer_id, record.sealed)
        except ChatError as error:
            log_line.warning("profile not stored", error=str(error))
        self._records.pop(peer_id, None)
        self._records[peer_id] = record
        self._make_room()
        self._emit(peer_id)

    def forget(self, peer_id: PeerId) -> None:
        """Forget a peer's profile and petname.

        Raises:
            StorageFullError: The disk has no room to write it down.
            StorageFailedError: The disk refuses.
        """
        self._store.save_entry(EntryKind.PETNAME, peer_id, None)
        self._store.save_entry(EntryKind.PROFILE, peer_id, None)
        self._petnames.pop(peer_id, None)
        self._drop(peer_id)

    async def run(self) -> Never:
        """Write our own record anew before it ends, and forget others' that have."""
        while True:
            now_ns = self._log.clock_ns()
            own = self.own
            if own is not None and own.expire_time_ns - now_ns < VALID_NS // 2:
                self._write_own(own.profile)
            for peer_id, record in tuple(self._records.items()):
                if record.expire_time_ns <= now_ns and peer_id != self._own_id:
                    self._drop(peer_id)
            await self._refresh(now_ns)
            await trio.sleep(UPKEEP_INTERVAL_S)

    async def _refresh(self, now_ns: int) -> None:
        """Ask for records that end soon, a few at a time, each once a day at most."""
        ending = [
            peer_id
            for peer_id, record in self._records.items()
            if record.expire_time_ns - now_ns < REFRESH_BEFORE_NS
            and now_ns - self._refreshed_ns.get(peer_id, 0) > DAY_NS
            and peer_id != self._own_id
        ]
        with trio.move_on_after(REFRESH_S):
            async with trio.open_nursery() as nursery:
                for peer_id in ending[:REFRESHED_AT_ONCE]:
                    self._refreshed_ns[peer_id] = now_ns
                    for fetch in self.fetch:
                        nursery.start_soon(attempt, "profile refresh", partial(fetch, peer_id))
        known = self._refreshed_ns.keys() & self._records.keys()
        self._refreshed_ns = {peer_id: self._refreshed_ns[peer_id] for peer_id in known}

    def _write_own(self, profile: Profile) -> None:
        now_ns = self._log.clock_ns()
        sequence = max(now_ns, self.sequence_of(self._own_id) + 1)
        record = self._sealer.seal(profile, sequence, now_ns + VALID_NS)
        self._store.save_entry(EntryKind.PROFILE, self._own_id, record.sealed)
        self._records[self._own_id] = record
        self._emit(self._own_id)
        for call in self.on_own_changed:
            call()

    def _load(self) -> None:
        now_ns = self._log.clock_ns()
        for key, sealed in self._store.entries(EntryKind.PROFILE).items():
            record = self._sealer.open(sealed, PeerId(key), now_ns)
            if record is not None:
                self._records[record.peer_id] = record
        for peer_id in (*self._records, *self._petnames):
            self._names.set(peer_id, self._names_of(peer_id))

    def _drop(self, peer_id: PeerId) -> None:
        try:
            self._store.save_entry(EntryKind.PROFILE, peer_id, None)
        except ChatError as error:
            log_line.warning("profile not removed", error=str(error))
        self._records.pop(peer_id, None)
        self._emit(peer_id)

    def _make_room(self) -> None:
        size_bytes = sum(len(record.sealed) for record in self._records.values())
        spare = (each for each in tuple(self._records) if each not in self._petnames)
        for peer_id in spare:
            if len(self._records) <= MAX_PROFILES and size_bytes <= MAX_PROFILES_BYTES:
                return
            if peer_id != self._own_id:
                size_bytes -= len(self._records[peer_id].sealed)
                self._rejections.count(RejectionReason.PROFILES_OVER_LIMIT)
                self._drop(peer_id)

    def _names_of(self, peer_id: PeerId) -> tuple[str, ...]:
        record = self._records.get(peer_id)
        return (record.profile.name if record else "", self._petnames.get(peer_id, ""))

    def _emit(self, peer_id: PeerId) -> None:
        """Emit what is known of a peer, and of those that look like it or did before."""
        before = set(self._names.lookalikes(peer_id))
        concerned = self._names.set(peer_id, self._names_of(peer_id))
        known = self.known(peer_id)
        is_news = bool(set(known.lookalike_ids) - before) and peer_id != self._own_id
        self._log.emit(ProfileChanged(known, name_seen_before=is_news))
        for other in concerned[:MAX_CONCERNED]:
            self._log.emit(ProfileChanged(self.known(other), name_seen_before=False))
