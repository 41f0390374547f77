"""One service as a process: started, waited for, stopped, killed, restarted.

Base of ``NodeProcess`` and ``GatewayProcess``. Each life of the process has its
own two log files; ``report`` returns their ends for a failed test.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from tests.driver import reaper
from tests.driver.waiting import DEADLINE_S, wait_until

#: A start imports libp2p, which alone costs seconds on a busy machine.
READY_S = 90.0
#: What both services promise: drained and gone.
STOP_S = 5.0
#: How much of a log a failure shows.
REPORT_BYTES = 8_000


class ProcessError(AssertionError):
    """A process did not start, or did not end, as it should."""


class Process(Protocol):
    """What is asked of a started process; ``subprocess.Popen`` is one."""

    @property
    def pid(self) -> int:
        """The process id."""

    @property
    def returncode(self) -> int | None:
        """The exit code, once it was waited for."""

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit code."""


class Service:
    """A ``python -m MODULE`` with settings from its environment.

    Attributes:
        name: What logs and failures call it.
        ready: The fields of the ready line of the present life.
        ended_as_told: Whether the present life's end was asked for, or looked at.
    """

    def __init__(
        self,
        module: str,
        name: str,
        directory: Path,
        settings: Mapping[str, str],
        *,
        prefix: Sequence[str] = (),
    ) -> None:
        """Describe the process; ``start`` starts it.

        Args:
            module: What ``python -m`` runs.
            name: What to call it.
            directory: Where its logs go.
            settings: Its environment variables, beside those of the tests
                that are no settings.
            prefix: Command in front of it, such as ``ip netns exec NAME``.
        """
        self.module = module
        self.name = name
        self.directory = directory
        self.settings = dict(settings)
        self.ready: dict[str, str] = {}
        self.ended_as_told = False
        self._prefix = tuple(prefix)
        self._process: Process | None = None
        self._lives = 0

    @property
    def pid(self) -> int:
        """The process id of the present life."""
        assert self._process is not None, f"{self.name} was never started"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    @property
    def stdout_path(self) -> Path:
        """The present life's standard output."""
        return self.directory / f"{self.name}-{self._lives}.stdout"

    @property
    def stderr_path(self) -> Path:
        """The present life's log."""
        return self.directory / f"{self.name}-{self._lives}.stderr"

    def spawn(self, *arguments: str) -> None:
        """Start the process without waiting until it is ready."""
        assert not self.running, f"{self.name} is already running"
        self.directory.mkdir(parents=True, exist_ok=True)
        self._lives += 1
        self.ready = {}
        self.ended_as_told = False
        self._process = self._launch(arguments, self.stdout_path, self.stderr_path)
        reaper.watch(self._process.pid)

    def start(self) -> None:
        """Start the process and wait for its ready line.

        Raises:
            ProcessError: it ended, or said nothing in time; with its logs.
        """
        self.spawn()
        deadline = time.monotonic() + READY_S
        while not self.ready:
            alive = self.running
            self.ready = ready_fields(self.stdout_path.read_text(errors="replace"), self.module)
            if not self.ready and (not alive or time.monotonic() > deadline):
                raise self._failure("is not ready" if alive else "ended before it was ready")
            time.sleep(0.01)
        self._pin_ports()

    def wait_ended(self, timeout_s: float = STOP_S) -> int:
        """Wait for the process to end by itself and return its exit code."""
        assert self._process is not None, f"{self.name} was never started"
        try:
            code = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise self._failure(f"still runs after {timeout_s:g} s") from None
        self.ended_as_told = True
        self._kill_group()
        return code

    def stop(self, timeout_s: float = STOP_S) -> None:
        """Stop it by SIGTERM.

        Raises:
            ProcessError: it took longer, or its exit code was not 0.
        """
        self.signal(signal.SIGTERM)
        self.wait_stopped(timeout_s)

    def wait_stopped(self, timeout_s: float = STOP_S) -> None:
        """Wait until it has stopped; raises as ``stop`` does."""
        code = self.wait_ended(timeout_s)
        if code != 0:
            raise self._failure(f"ended with {code} on SIGTERM")

    def kill(self) -> None:
        """Kill it as a power cut would: SIGKILL, nothing is flushed."""
        assert self._process is not None, f"{self.name} was never started"
        self.ended_as_told = True
        self._kill_group()
        self._process.wait()

    def restart(self) -> None:
        """Stop it if it runs; start it with the same data and the same ports."""
        if self.running:
            self.stop()
        self.start()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        os.kill(self.pid, number)

    def output(self) -> str:
        """Return all that the present life has printed on standard output."""
        return self.stdout_path.read_text(errors="replace")

    def run(self, *arguments: str) -> int:
        """Run the module to its end, as for a command that ends by itself; return the exit code."""
        self.spawn(*arguments)
        return self.wait_ended(READY_S)

    def log(self) -> str:
        """Return all that the present life has logged."""
        return self.stderr_path.read_text(errors="replace")

    def wait_logged(self, text: str, timeout_s: float = DEADLINE_S) -> str:
        """Wait until the log holds ``text``; return the log."""
        return wait_until(self.log, lambda log: text in log, timeout_s=timeout_s)

    def report(self) -> str:
        """Return the ends of the present life's logs, for a failed test."""
        if self._process is None:
            return "never started"
        state = "running" if self.running else f"ended with {self._process.returncode}"
        parts = [f"life {self._lives}, pid {self.pid}, {state}"]
        for path in (self.stdout_path, self.stderr_path):
            parts += [f"--- {path}", path.read_text(errors="replace")[-REPORT_BYTES:]]
        return "\n".join(parts)

    def _launch(self, arguments: Sequence[str], stdout: Path, stderr: Path) -> Process:
        """Start the process in a group of its own."""
        with stdout.open("wb") as stdout_file, stderr.open("wb") as stderr_file:
            return subprocess.Popen(
                [*self._prefix, sys.executable, "-m", self.module, *arguments],
                env=environment() | self.settings,
                stdin=subprocess.DEVNULL,
                stdout=stdout_file,
                stderr=stderr_file,
                start_new_session=True,
            )

    def _pin_ports(self) -> None:
        """Keep the ports found at the first start for later ones."""

    def _kill_group(self) -> None:
        """Kill whatever is left of the process group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        reaper.forget(self.pid)

    def _failure(self, what: str) -> ProcessError:
        return ProcessError(f"{self.module} {self.name} {what}\n{self.report()}")


def ready_fields(output: str, module: str) -> dict[str, str]:
    """Return the fields of ``MODULE ready key=value …``, or none while it is not there."""
    for line in output.splitlines(keepends=True):
        if line.startswith(f"{module} ready ") and line.endswith("\n"):
            return dict(word.split("=", 1) for word in line.split()[2:] if "=" in word)
    return {}


def setting_names(prefix: str, settings: Mapping[str, object]) -> dict[str, str]:
    """Turn keyword arguments such as ``max_message_bytes`` into environment variables."""
    return {f"{prefix}_{key.upper()}": str(value) for key, value in settings.items()}


def environment() -> dict[str, str]:
    """Return the tests' environment without settings meant for other services."""
    return {
        key: value for key, value in os.environ.items() if not key.startswith(("P2PD_", "GATEWAY_"))
    } | {"PYTHONUNBUFFERED": "1"}
