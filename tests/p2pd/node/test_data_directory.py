"""The data directory is made, named when it cannot be used, and private."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import platformdirs
import pytest

from p2pd.node.data_directory import open_data_directory
from p2pd.node.errors import DataDirectoryError, NoHomeError
from tests.driver import NodeProcess
from tests.driver.fixtures import StartNode

SOMEBODY = 12_345


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def as_somebody() -> Iterator[Path]:
    """Give a directory of an ordinary user, and be that user.

    ``tmp_path`` would not do: directories above it are open to root alone.
    """
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    with tempfile.TemporaryDirectory() as root:
        directory = Path(root) / "home"
        directory.mkdir()
        os.chown(directory, SOMEBODY, -1)
        directory.parent.chmod(0o711)
        os.seteuid(SOMEBODY)
        try:
            yield directory
        finally:
            os.seteuid(0)


def test_a_directory_is_made_for_its_owner_only(tmp_path: Path) -> None:
    directory = open_data_directory(tmp_path / "deep" / "data")
    assert mode_of(directory) == 0o700


def test_without_a_choice_and_a_home_the_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platformdirs, "user_data_dir", no_home)
    with pytest.raises(NoHomeError, match="P2PD_DATA_DIR"):
        open_data_directory(None)


def no_home(*_: object, **__: object) -> str:
    raise RuntimeError("Could not determine home directory.")


@pytest.mark.parametrize("place", ["file", "file/data"])
def test_a_directory_that_cannot_be_one_is_named_as_that(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataDirectoryError, match=f"^data directory {tmp_path / place} ") as caught:
        open_data_directory(tmp_path / place)
    assert "key" not in str(caught.value)


def test_a_directory_of_somebody_else_is_named_with_its_owner(as_somebody: Path) -> None:
    directory = as_somebody.parent / "roots"
    os.seteuid(0)
    directory.mkdir(mode=0o755)
    os.seteuid(SOMEBODY)
    with pytest.raises(DataDirectoryError, match=f"belongs to uid 0.* is uid {SOMEBODY}"):
        open_data_directory(directory)
    with pytest.raises(DataDirectoryError, match="cannot be made: Permission denied"):
        open_data_directory(directory / "data")


@pytest.mark.parametrize("name", ["identity.key", "grpc.token", "messages.db"])
def test_a_file_of_somebody_else_is_named_with_its_owner(as_somebody: Path, name: str) -> None:
    path = as_somebody / name
    os.seteuid(0)
    path.write_bytes(b"secret")
    path.chmod(0o600)
    os.seteuid(SOMEBODY)
    with pytest.raises(DataDirectoryError, match=f"{name} belongs to uid 0"):
        open_data_directory(as_somebody)


def test_what_is_the_nodes_own_is_made_private_and_the_rest_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = ["grpc.token", "identity.key", "messages.db", "messages.db-wal", "messages.lock"]
    for name in [*own, "notes.txt"]:
        (tmp_path / name).touch()
        (tmp_path / name).chmod(0o664)
    tmp_path.chmod(0o2770)
    open_data_directory(tmp_path)
    assert {name: mode_of(tmp_path / name) for name in own} == dict.fromkeys(own, 0o600)
    assert mode_of(tmp_path / "notes.txt") == 0o664
    assert mode_of(tmp_path) == 0o2770
    assert "identity.key" in capsys.readouterr().out
    open_data_directory(tmp_path)
    assert capsys.readouterr().out == ""


def test_a_missing_key_beside_messages_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    open_data_directory(tmp_path)
    assert capsys.readouterr().out == ""
    (tmp_path / "messages.db").touch(mode=0o600)
    open_data_directory(tmp_path)
    assert "identity key is missing" in capsys.readouterr().out


def test_a_volume_that_was_opened_to_a_group_starts_again(start_node: StartNode) -> None:
    node = start_node("a")
    before, token = node.peer_id, node.token
    node.stop()
    assert {mode_of(path) for path in node.data_dir.iterdir()} == {0o600}
    for path in [node.data_dir, *node.data_dir.rglob("*")]:
        path.chmod(mode_of(path) | (0o070 if path.is_dir() else 0o060))
    node.start()
    assert (node.peer_id, node.token) == (before, token)
    assert node.log().count("files were open to others") == 1
    assert {mode_of(path) for path in node.data_dir.iterdir()} == {0o600}
    node.restart()
    assert "files were open to others" not in node.log()


def test_a_data_directory_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    node = NodeProcess("a", tmp_path)
    node.data_dir.write_text("")
    assert node.run() == 1
    assert node.log() == f"p2pd: data directory {node.data_dir} is not a directory\n"
