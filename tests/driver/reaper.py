"""Ends the process groups a test run started, if the run dies before it can.

``watch`` is called by ``process`` for every group it starts. The reaper is a
process of its own session that reads group ids from a pipe; the pipe's end
means that the run is gone, however it ended, and so must be its children.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from typing import IO

#: From SIGTERM to SIGKILL: time for those who have children of their own to end.
GRACE_S = 60.0
#: Signal 0 only asks whether the group is there.
ASK = 0

_lock = threading.Lock()
_pipe: IO[bytes] | None = None


def watch(group_id: int) -> None:
    """Have a process group ended when this process ends."""
    _tell(f"+{group_id}\n")


def forget(group_id: int) -> None:
    """Take a group off the list once it is gone: its id may be used again."""
    _tell(f"-{group_id}\n")


def _tell(line: str) -> None:
    global _pipe  # noqa: PLW0603 - one reaper a run, started when first needed
    with _lock:
        if _pipe is None:
            reaper = subprocess.Popen(
                [sys.executable, "-S", __file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            _pipe = reaper.stdin
        assert _pipe is not None
        _pipe.write(line.encode())
        _pipe.flush()


def main() -> None:
    """Read ``+ID`` and ``-ID`` lines until the pipe ends, then end what is left."""
    groups: set[int] = set()
    for line in sys.stdin:
        (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
    _send(groups, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_S
    while groups and time.monotonic() < deadline:
        time.sleep(0.1)
        groups = _send(groups, ASK)
    _send(groups, signal.SIGKILL)


def _send(groups: set[int], number: int) -> set[int]:
    """Send a signal to groups; return those where there was anybody."""
    present = set()
    for group_id in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group_id, number)
            present.add(group_id)
    return present


if __name__ == "__main__":
    main()
