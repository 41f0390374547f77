"""The command ``p2pd backup``: copies the message store of a data directory.

Called by ``p2pd.__main__``. The node may run meanwhile. The identity key is copied
only where that is asked for: who has it can speak as this node.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from pathlib import Path

from common.files import replace_file
from p2pd.config import command_from
from p2pd.node.data_directory import IDENTITY_FILE, STORE_FILE, default_directory
from p2pd.store.backup import back_up
from p2pd.store.errors import BackupError


def run_backup(arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    """Do what ``p2pd backup ARGUMENTS`` says; other arguments are settings of the node.

    Raises:
        SettingsError: A setting is wrong.
        NoHomeError: No data directory was chosen and the platform knows none.
        BackupError: The backup was not made.
        SystemExit: ``--help`` was asked for, or no PATH was given.
    """
    parser = ArgumentParser(
        prog="p2pd backup",
        description="Copy the message store into one file, also while the node runs.",
        allow_abbrev=False,
    )
    parser.add_argument("path", type=Path, help="the file to write or replace")
    parser.add_argument(
        "--identity",
        type=Path,
        metavar="PATH",
        help="copy the node's private key too, to this file: keep it secret",
    )
    given, settings = parser.parse_known_args(arguments)
    chosen = command_from(settings, environment).settings.data_dir
    directory = chosen or default_directory()
    back_up(directory / STORE_FILE, given.path)
    if given.identity is not None:
        _copy_identity(directory / IDENTITY_FILE, given.identity)


def _copy_identity(key: Path, target: Path) -> None:
    if target.resolve() == key.resolve():
        raise BackupError(f"{target} is the identity key itself")
    try:
        replace_file(target, key.read_bytes())
    except OSError as error:
        raise BackupError(f"the identity key was not copied to {target}: {error}") from error
