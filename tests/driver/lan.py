"""A local network made of namespaces: machines with an address each, on one bridge.

Needs root, iproute2 and nftables. Nothing of it reaches the machine's own network.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.driver.waiting import wait_until

ROOT = Path(__file__).parents[2]
STOP_TIMEOUT_S = 10


@dataclass
class Program:
    """A Python module run on a machine of the network, and what it printed."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    def read(self) -> None:
        """Gather the lines until the program ends."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def wait_line(self, start: str, timeout_s: float = 60.0) -> str:
        """Wait for a line that begins with ``start``; return the rest of it."""

        def look() -> list[str]:
            return list(self.lines)

        def has_line(lines: list[str]) -> bool:
            return any(line.startswith(start) for line in lines)

        lines = wait_until(look, has_line, timeout_s=timeout_s)
        return next(line for line in lines if line.startswith(start)).removeprefix(start)


@dataclass(frozen=True)
class Machine:
    """One namespace."""

    name: str
    address: str
    prefix_bits: int = 24

    @property
    def prefix(self) -> tuple[str, ...]:
        """What to put in front of a command that is to run here."""
        return ("ip", "netns", "exec", self.name)

    @contextmanager
    def run(self, module: str, *args: str) -> Iterator[Program]:
        """Run a module of the tests here until the block ends."""
        command = [*self.prefix, sys.executable, "-u", "-m", module, *args]
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.PIPE,
            text=True,
        )
        program = Program(process)
        reader = threading.Thread(target=program.read)
        reader.start()
        try:
            yield program
        finally:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            reader.join()

    def unplug(self) -> None:
        """Take the address away and the interface down."""
        run_ip(self.name, "address", "flush", "dev", "eth0")
        run_ip(self.name, "link", "set", "eth0", "down")

    def check_addresses_slowly(self, seconds: int) -> None:
        """Have each new IPv6 address wait so long for another machine that has it too."""
        run_program(*self.prefix, "sysctl", "-qw", f"net.ipv6.conf.eth0.dad_transmits={seconds}")

    def plug_in(self) -> None:
        """Bring the interface up with its address; IPv6 gives itself a link-local one."""
        if self.address:
            extra = ["nodad"] if ":" in self.address else []
            address = f"{self.address}/{self.prefix_bits}"
            run_ip(self.name, "address", "add", address, "dev", "eth0", *extra)
        run_ip(self.name, "link", "set", "eth0", "up")

    def move_to(self, address: str) -> None:
        """Change the address, as when the machine joins another network."""
        run_ip(self.name, "address", "flush", "dev", "eth0")
        run_ip(self.name, "address", "add", f"{address}/{self.prefix_bits}", "dev", "eth0")

    def hear(self, *, nothing_from: Iterable[Machine] = (), loss_percent: int = 0) -> None:
        """Drop what comes from some machines, and a share of all the rest, silently.

        Replaces what was set before; the senders are not told.
        """
        drops = [f"ip saddr {machine.address}" for machine in nothing_from]
        drops.append(f"iifname eth0 numgen random mod 100 < {loss_percent}")
        commands = [
            "add table inet faults",
            "delete table inet faults",
            "add table inet faults",
            "add chain inet faults input { type filter hook input priority 0 ; }",
            *(f"add rule inet faults input {match} drop" for match in drops),
        ]
        run_program(*self.prefix, "nft", "\n".join(commands))


@contextmanager
def open_lan(machines: int, addresses: str = "10.77.0.{}/24") -> Iterator[list[Machine]]:
    """Make a network of so many machines, undone at the end.

    Args:
        addresses: Where the number of the machine goes into its address; empty for
            IPv6 without a router, where each has a link-local address only.
    """
    address, _, bits = addresses.partition("/")
    prefix = f"wsp{os.getpid()}"
    switch = f"{prefix}-switch"
    with ExitStack() as undo:
        add_namespace(undo, switch)
        run_ip(switch, "link", "add", "bridge", "type", "bridge")
        run_ip(switch, "link", "set", "bridge", "up")
        made = []
        for number in range(1, machines + 1):
            machine = Machine(f"{prefix}-{number}", address.format(number), int(bits or 64))
            add_namespace(undo, machine.name)
            _plug(machine, switch, f"port{number}")
            made.append(machine)
        yield made


def add_namespace(undo: ExitStack, name: str) -> None:
    """Make a namespace with its loopback interface up, deleted by ``undo``."""
    run_program("ip", "netns", "add", name)
    undo.callback(run_program, "ip", "netns", "del", name)
    run_ip(name, "link", "set", "lo", "up")


def _plug(machine: Machine, switch: str, port: str) -> None:
    run_ip(switch, "link", "add", port, "type", "veth", "peer", "eth0", "netns", machine.name)
    run_ip(switch, "link", "set", port, "master", "bridge")
    run_ip(switch, "link", "set", port, "up")
    machine.plug_in()


def run_ip(namespace: str, *args: str) -> None:
    """Run iproute2 in a namespace."""
    run_program("ip", "-netns", namespace, *args)


def run_program(*command: str) -> None:
    """Run a program to its end.

    Raises:
        AssertionError: It failed.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"{' '.join(command)}: {done.stderr.strip()}")


def wait_all(programs: Sequence[Program], start: str) -> list[str]:
    """Wait for the same kind of line from each program."""
    return [program.wait_line(start) for program in programs]
