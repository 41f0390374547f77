"""Who is called what: the newest record wins, names that look alike are told apart."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from libp2p.crypto.ed25519 import create_new_key_pair

from p2pd.chat import profiles
from p2pd.chat.profiles import VALID_NS, Profiles
from p2pd.domain.events import ProfileChanged
from p2pd.domain.names import DEFAULT_ROOM, PeerId
from p2pd.domain.profiles import Profile
from p2pd.domain.rejections import Rejections
from p2pd.domain.state import State
from p2pd.errors import LimitReachedError, ProfileUnknownError, StorageFullError
from p2pd.log.log import Log
from p2pd.net.profiles.record import ProfileKey
from p2pd.store.memory_store import MemoryStore
from tests.p2pd.chat.ports import RoomsInMemory
from tests.p2pd.facts import NOW_NS, make_node

KEYS = [ProfileKey(create_new_key_pair(bytes([number]) * 32)) for number in range(6)]
OWN, ADA, EVE, BOB = (key.own_id for key in KEYS[:4])


class Desk:
    """The profiles of one node, what it stores and what its readers see."""

    def __init__(self, store: RoomsInMemory | None = None, now_ns: int = NOW_NS) -> None:
        self.now_ns = now_ns
        self.store = store or RoomsInMemory()
        self.log = Log(
            MemoryStore(100, 1 << 20), State(make_node(DEFAULT_ROOM), {}), clock_ns=self.clock_ns
        )
        self.rejections = Rejections()
        self.profiles = Profiles(self.log, self.store, KEYS[0], self.rejections)
        self._reader = self.log.open_reader(None)
        self._reader.read(1 << 20)

    def clock_ns(self) -> int:
        return self.now_ns

    def meet(self, number: int, name: str, sequence: int = 1, valid_ns: int = VALID_NS) -> None:
        sealed = KEYS[number].seal(Profile(name), sequence, self.now_ns + valid_ns)
        self.profiles.receive(sealed)

    def changes(self) -> list[tuple[PeerId, str, bool]]:
        bodies = [entry.event.body for entry in self._reader.read(1 << 20)]
        assert all(isinstance(body, ProfileChanged) for body in bodies)
        return [
            (body.profile.peer_id, body.profile.profile.name, body.name_seen_before)
            for body in bodies
            if isinstance(body, ProfileChanged)
        ]


def test_the_newest_record_wins_and_an_older_one_is_counted() -> None:
    desk = Desk()
    desk.meet(1, "Ada", sequence=5)
    desk.meet(1, "Ada of before", sequence=4)
    desk.meet(1, "Ada again", sequence=5)
    assert desk.profiles.known(ADA).profile.name == "Ada"
    assert desk.rejections.totals == {"profile_outdated": 1}
    desk.meet(1, "Ada the second", sequence=6)
    assert desk.changes() == [(ADA, "Ada", False), (ADA, "Ada the second", False)]


def test_names_that_look_alike_name_one_another_and_the_later_one_is_news() -> None:
    desk = Desk()
    desk.meet(1, "Ada")
    desk.meet(2, "Аdа")
    assert desk.changes() == [(ADA, "Ada", False), (EVE, "Аdа", True), (ADA, "Ada", False)]
    assert desk.profiles.known(ADA).lookalike_ids == (EVE,)
    assert desk.profiles.known(EVE).lookalike_ids == (ADA,)
    desk.meet(2, "Аdа", sequence=2)
    assert [news for *_, news in desk.changes()] == [False, False]
    desk.meet(2, "Eve", sequence=3)
    assert desk.changes() == [(EVE, "Eve", False), (ADA, "Ada", False)]
    assert desk.profiles.known(ADA).lookalike_ids == ()


def test_our_own_name_and_petnames_count_as_well() -> None:
    desk = Desk()
    trio.run(desk.profiles.set_own, Profile("Ada"))
    trio.run(desk.profiles.set_petname, BOB, "Mum")
    desk.meet(1, "ada")
    desk.meet(2, "mum")
    assert desk.profiles.known(ADA).lookalike_ids == (OWN,)
    assert desk.profiles.known(EVE).lookalike_ids == (BOB,)
    assert [one.peer_id for one in desk.profiles.all_known()] == sorted([OWN, ADA, EVE, BOB])


def test_profiles_and_petnames_survive_a_restart_until_they_end() -> None:
    desk = Desk()
    trio.run(desk.profiles.set_own, Profile("me"))
    trio.run(desk.profiles.set_petname, ADA, "sister")
    desk.meet(1, "Ada")
    desk.meet(2, "Eve", valid_ns=10**9)
    again = Desk(desk.store, NOW_NS + 2 * 10**9)
    assert again.profiles.known(ADA) == desk.profiles.known(ADA)
    assert again.profiles.known(EVE).update_time_ns is None
    late = Desk(desk.store, NOW_NS + 2 * VALID_NS)
    assert late.profiles.own is not None
    assert late.profiles.known(ADA).petname == "sister"
    assert late.profiles.known(ADA).update_time_ns is None


def test_our_record_is_renewed_and_ended_ones_are_dropped(
    autojump_clock: trio.testing.MockClock,
) -> None:
    desk = Desk()

    async def scenario() -> None:
        renewed: list[int] = []
        desk.profiles.on_own_changed.append(lambda: renewed.append(desk.now_ns))
        await desk.profiles.set_own(Profile("me"))
        desk.meet(1, "Ada", valid_ns=10**9)
        before = desk.profiles.own
        desk.now_ns += VALID_NS // 2 + 10**9
        with trio.move_on_after(1):
            await desk.profiles.run()
        after = desk.profiles.own
        assert before is not None
        assert after is not None
        assert after.profile == before.profile
        assert after.sequence > before.sequence
        assert after.expire_time_ns > before.expire_time_ns
        assert renewed == [NOW_NS, desk.now_ns]
        assert desk.profiles.known(ADA).update_time_ns is None
        assert desk.changes()[-1] == (ADA, "", False)

    trio.run(scenario, clock=autojump_clock)


def test_records_that_end_soon_are_asked_for_again_once_a_day(
    autojump_clock: trio.testing.MockClock,
) -> None:
    desk = Desk()
    asked: list[PeerId] = []

    async def fetch(peer_id: PeerId) -> None:
        asked.append(peer_id)
        if peer_id == ADA:
            desk.meet(1, "Ada", sequence=2)
        else:
            raise OSError("a fault of one costs no other")

    async def scenario() -> None:
        desk.profiles.fetch.append(fetch)
        await desk.profiles.set_own(Profile("me"))
        desk.meet(1, "Ada", valid_ns=profiles.REFRESH_BEFORE_NS - 10**9)
        desk.meet(2, "Eve", valid_ns=profiles.REFRESH_BEFORE_NS - 10**9)
        desk.meet(3, "Bob")
        with trio.move_on_after(5 * profiles.UPKEEP_INTERVAL_S):
            await desk.profiles.run()
        assert sorted(asked) == sorted([ADA, EVE])
        desk.now_ns += profiles.DAY_NS + 10**9
        with trio.move_on_after(1):
            await desk.profiles.run()
        assert asked[2:] == [EVE]

    trio.run(scenario, clock=autojump_clock)


def test_a_clock_set_back_does_not_make_our_next_record_older() -> None:
    desk = Desk()
    trio.run(desk.profiles.set_own, Profile("me"))
    desk.now_ns -= 3600 * 10**9
    trio.run(desk.profiles.set_own, Profile("me too"))
    assert desk.profiles.sequence_of(OWN) == NOW_NS + 1


def test_the_oldest_make_room_but_none_with_a_petname(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles, "MAX_PROFILES", 3)
    desk = Desk()
    trio.run(desk.profiles.set_own, Profile("me"))
    trio.run(desk.profiles.set_petname, ADA, "sister")
    for number in (1, 2, 3, 4):
        desk.meet(number, f"name {number}")
    known = {one.peer_id for one in desk.profiles.all_known()}
    assert known == {OWN, ADA, KEYS[4].own_id}
    assert desk.rejections.totals == {"profiles_over_limit": 2}
    assert len(desk.store.kept) == 4


def test_petnames_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles, "MAX_PETNAMES", 1)
    desk = Desk()
    trio.run(desk.profiles.set_petname, ADA, "one")
    trio.run(desk.profiles.set_petname, ADA, "two")
    with pytest.raises(LimitReachedError):
        trio.run(desk.profiles.set_petname, EVE, "three")
    trio.run(desk.profiles.set_petname, ADA, "")
    trio.run(desk.profiles.set_petname, EVE, "three")


def test_on_a_full_disk_nothing_of_ours_changes_and_others_are_known_all_the_same() -> None:
    desk = Desk()
    desk.store.save_error = StorageFullError(1.0)
    with pytest.raises(StorageFullError):
        trio.run(desk.profiles.set_own, Profile("me"))
    assert desk.profiles.own is None
    desk.meet(1, "Ada")
    assert desk.profiles.known(ADA).profile.name == "Ada"


def test_an_unknown_profile_is_asked_for_and_else_refused() -> None:
    desk = Desk()

    async def fetch(peer_id: PeerId) -> None:
        if peer_id == ADA:
            desk.meet(1, "Ada")
        else:
            await trio.sleep_forever()

    desk.profiles.fetch.append(fetch)
    known = trio.run(desk.profiles.get, ADA, 1.0)
    assert known.profile.name == "Ada"
    with pytest.raises(ProfileUnknownError):
        trio.run(desk.profiles.get, EVE, 0.01)
    assert trio.run(desk.profiles.get, PeerId(""), 0.0).peer_id == OWN


def test_what_is_forgotten_is_gone_from_the_store_too() -> None:
    desk = Desk()
    desk.meet(1, "Ada")
    trio.run(desk.profiles.set_petname, ADA, "sister")
    desk.profiles.forget(ADA)
    assert desk.store.kept == {}
    assert desk.profiles.all_known() == ()
