"""Why the program cannot start, beside what its parts say themselves."""

from __future__ import annotations

from common.errors import SettingsError


class MetricsBindError(Exception):
    """The metrics address cannot be listened on."""

    def __init__(self, address: str, cause: str) -> None:
        super().__init__(f"cannot serve metrics on {address}: {cause}")


class DataDirectoryError(Exception):
    """The data directory, or a file of the node's in it, cannot be used."""


class NoHomeError(SettingsError):
    """There is no home directory to put the data directory in: a setting is missing."""

    def __init__(self) -> None:
        super().__init__("P2PD_DATA_DIR: there is no home directory; name a data directory")
