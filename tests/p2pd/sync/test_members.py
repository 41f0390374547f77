"""Members of a room give each other what they missed, at a cost that has bounds."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from operator import lt
from pathlib import Path

import pytest
import trio
from libp2p.crypto.ed25519 import create_new_key_pair

from p2pd.domain.items import MAX_SEQNO
from tests.p2pd.sync.members import (
    fill,
    in_order,
    make_signed,
    meet,
    open_member,
    past_messages,
    unsigned,
)
from tests.upstream.waiting import wait_seen


@pytest.mark.trio
async def test_ten_thousand_missed_messages_cost_little_more_than_themselves(
    tmp_path: Path,
) -> None:
    missed = past_messages(10_000)
    fill(tmp_path / "a", missed)
    async with (
        open_member(tmp_path / "a", interval_s=60) as a,
        open_member(tmp_path / "b", interval_s=60) as b,
    ):
        await meet(b, a)
        await b.wait_count(10_000)
        own_bytes = sum(len(message.signed_bytes) for message in missed)
        await wait_seen(b.sync_bytes, lambda seen: seen > own_bytes)
        assert b.sync_bytes() / own_bytes <= 1.3
        assert a.ids() == b.ids()
        assert not a.complaints()
        assert not b.complaints()


@pytest.mark.trio
async def test_one_missed_of_a_hundred_thousand_costs_little(tmp_path: Path) -> None:
    missed = past_messages(1)
    fill(tmp_path / "b", unsigned(missed, 100_000))
    shutil.copytree(tmp_path / "b", tmp_path / "a")
    fill(tmp_path / "a", missed)
    async with (
        open_member(tmp_path / "a", interval_s=60) as a,
        open_member(tmp_path / "b", interval_s=60) as b,
    ):
        await meet(b, a)
        await b.wait_count(100_001)
        await wait_seen(b.sync_bytes)
        assert b.sync_bytes() <= 16 << 10


@pytest.mark.trio
@pytest.mark.parametrize("late_is_lower", [True, False])
async def test_who_joins_late_gets_the_newest_of_a_long_past_and_no_more(
    tmp_path: Path, late_is_lower: bool
) -> None:
    newest = past_messages(50)
    fill(tmp_path / "early", [*unsigned(newest, 45_000), *newest])
    keys = in_order(2)
    late_key, early_key = keys if late_is_lower else reversed(keys)
    async with (
        open_member(tmp_path / "early", key_pair=early_key) as early,
        open_member(tmp_path / "late", key_pair=late_key, newest=50) as late,
    ):
        await meet(late, early)
        await late.wait_count(50)
        assert late.ids() == {message.message_id for message in newest}
        await wait_seen(late.is_caught_up)
        await wait_quiet(late.sync_bytes)
        assert late.count() == 50
        assert not early.complaints()
        assert not late.complaints()


@pytest.mark.trio
async def test_members_that_keep_differently_come_to_rest(tmp_path: Path) -> None:
    author = create_new_key_pair()
    numbers = [*range(5, 50), *range(MAX_SEQNO - 50, MAX_SEQNO)]
    strange = [make_signed(b"no clock", author, number) for number in numbers]
    messages = [*strange, *past_messages(400 - len(strange))]
    fill(tmp_path / "a", messages)
    async with (
        open_member(tmp_path / "a") as a,
        open_member(tmp_path / "b", keeps=100) as b,
    ):
        await meet(b, a)
        await wait_seen(lambda: b.log.store.first_offset, lambda seen: seen > 1, timeout_s=30)
        await wait_quiet(b.sync_bytes)
        assert b.log.store.last_offset == 400
        assert b.count() == 100
        assert a.log.store.last_offset == 400


@pytest.mark.trio
async def test_every_member_hears_of_a_message_that_one_of_them_kept(tmp_path: Path) -> None:
    fill(tmp_path / "0", past_messages(30))
    async with (
        open_member(tmp_path / "0", interval_s=60) as first,
        open_member(tmp_path / "1", interval_s=60) as second,
        open_member(tmp_path / "2", interval_s=60) as third,
        open_member(tmp_path / "3", interval_s=60) as fourth,
    ):
        await meet(fourth, third)
        await meet(third, second)
        await meet(second, first)
        for member in (second, third, fourth):
            await member.wait_count(30)


async def wait_quiet(look_bytes: Callable[[], int]) -> None:
    """Wait until sessions move no more than fingerprints, several in a row."""
    quiet = 0
    with trio.fail_after(60):
        while quiet < 4:
            before = look_bytes()
            await wait_seen(look_bytes, partial(lt, before), timeout_s=30)
            quiet = quiet + 1 if look_bytes() - before < 1_000 else 0
