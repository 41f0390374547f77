"""Nodes that are started hundreds of times: forked instead of imported anew.

Each life is a process of its own, as real as any; see ``launcher``. Used by the
tests that kill nodes.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.driver.node import NodeProcess
from tests.driver.process import environment

ROOT = Path(__file__).parents[2]
PR_SET_CHILD_SUBREAPER = 36
PAUSE_S = 0.005


class Launcher:
    """The process that nodes are forked off; orphans are this process's children."""

    def __init__(self) -> None:
        self._asking = threading.Lock()

    def __enter__(self) -> Launcher:
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.driver.launcher"],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.communicate()
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 0)

    def launch(self, request: dict[str, str]) -> ForkedLife:
        """Fork a node with these settings, logs and namespace."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._asking:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            return ForkedLife(int(self._process.stdout.readline()))


class ForkedLife:
    """One life of a forked node, waited for as ``subprocess.Popen`` is."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        if self.returncode is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            if ended:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit code."""
        deadline = time.monotonic() + (float("inf") if timeout is None else timeout)
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(["p2pd"], timeout or 0.0)
            time.sleep(PAUSE_S)
        return code


class ForkedNode(NodeProcess):
    """A node forked off a launcher, in a network namespace where one is named."""

    def __init__(
        self,
        name: str,
        directory: Path,
        launcher: Launcher,
        *,
        namespace: str = "",
        **settings: Any,
    ) -> None:
        super().__init__(name, directory, **settings)
        self._launcher = launcher
        self._namespace = namespace

    def _launch(self, arguments: Sequence[str], stdout: Path, stderr: Path) -> ForkedLife:
        assert not arguments
        stdout.touch()
        stderr.touch()
        places = {"stdout": str(stdout), "stderr": str(stderr), "namespace": self._namespace}
        return self._launcher.launch(self.settings | places)
