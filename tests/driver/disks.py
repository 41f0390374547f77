"""Small disks of their own, for tests of full ones. Needs root."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def mounted_disk(path: Path, mebibytes: int) -> Iterator[Path]:
    """Have a disk of a size at a folder inside the block; what is on it goes with it."""
    path.mkdir(exist_ok=True)
    size = f"size={mebibytes}m"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", path], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", path], check=True)
