"""A node killed at any moment of its first second starts again, as the same peer."""

from __future__ import annotations

import time
from pathlib import Path

from tests.driver.forked import ForkedNode, Launcher

KILLS = 24
LONGEST_LIFE_S = 0.6
SECRETS = ("identity.key", "grpc.token")


def secrets_in(directory: Path) -> dict[str, bytes]:
    return {
        name: (directory / name).read_bytes() for name in SECRETS if (directory / name).exists()
    }


def test_a_node_killed_in_its_first_second_starts_again(launcher: Launcher, tmp_path: Path) -> None:
    lives: list[tuple[str, ...]] = []
    for number in range(KILLS):
        node = ForkedNode(f"n{number}", tmp_path, launcher)
        node.spawn()
        time.sleep(LONGEST_LIFE_S * number / KILLS)
        node.kill()
        left = secrets_in(node.data_dir)
        lives.append(tuple(left))
        assert all(left.values()), left
        node.start()
        node.stop()
        found = secrets_in(node.data_dir)
        assert sorted(found) == sorted(SECRETS)
        assert left.items() <= found.items()
        assert [path.name for path in node.data_dir.glob(".*.new")] == []
    # Else the kills all came too early or too late to say anything.
    assert () in lives, lives
    assert SECRETS in lives, lives
