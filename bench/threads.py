"""``python -m bench.threads``: which thread of the whole way takes how much, a message.

Two nodes and two gateways as in ``bench.way``. Of each thread that takes a hundredth of a
millisecond or more it prints the processor time, how often it slept and how often it was
made to give the processor away, a message. What ``docs/where-time-goes.md`` says of
threads comes from here; the functions come from ``py-spy record`` of the same processes.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import uvloop

from bench.libp2p_layer import WARM_UP_MESSAGES
from bench.measure import NS_IN_MS
from bench.services import running_services
from bench.way import RATES_PER_S, paced
from bench.web_socket import open_page

LEAST_MS = 0.01

Pids = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Spent:
    """What a thread has used since it started.

    Attributes:
        slept: How often it waited for something.
        preempted: How often another thread got its processor.
    """

    name: str
    cpu_ms: float
    slept: int
    preempted: int


def threads_of(pid: int) -> dict[str, Spent]:
    """Read what each thread of a process has used.

    Source: Documentation/filesystems/proc.rst, /proc/PID/status; sched-stats.rst.
    """
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            cpu_ns = int((task / "schedstat").read_text().split()[0])
            status = dict(
                line.split(":\t", 1) for line in (task / "status").read_text().splitlines()
            )
        except FileNotFoundError:
            continue  # it has ended
        switches = status["voluntary_ctxt_switches"], status["nonvoluntary_ctxt_switches"]
        found[task.name] = Spent(status["Name"], cpu_ns / NS_IN_MS, *map(int, switches))
    return found


async def _measure(addresses: tuple[str, str], pids: Pids, rates: list[int], seconds: int) -> None:
    page, other = [await open_page(address) for address in addresses]
    await paced(page, other, WARM_UP_MESSAGES, rates[0], pids, is_lossless=True)
    for rate_per_s in rates:
        count = rate_per_s * seconds
        before = {name: threads_of(pid) for name, pid in pids.items()}
        figures = await paced(page, other, count, rate_per_s, pids, is_lossless=True)
        print(f"{rate_per_s}/s: " + ", ".join(f"{key} {figures[key]:.2f}" for key in figures))
        for name, pid in pids.items():
            _print_threads(name, before[name], threads_of(pid), count)
    page.close()
    other.close()


def _print_threads(
    process: str, before: Mapping[str, Spent], after: Mapping[str, Spent], count: int
) -> None:
    nothing = Spent("", 0.0, 0, 0)
    for thread, now in after.items():
        then = before.get(thread, nothing)
        cpu_ms = (now.cpu_ms - then.cpu_ms) / count
        if cpu_ms < LEAST_MS:
            continue
        slept, preempted = (
            (each - of) / count
            for each, of in ((now.slept, then.slept), (now.preempted, then.preempted))
        )
        print(
            f"  {process:10} {now.name:16} {cpu_ms:.3f} ms, slept {slept:.1f}, "
            f"preempted {preempted:.1f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.threads", description=__doc__)
    parser.add_argument("rates", nargs="*", type=int, default=list(RATES_PER_S))
    parser.add_argument("--seconds", type=int, default=4, help="how long at each rate")
    parser.add_argument("--store", default="disk", choices=("disk", "memory"))
    arguments = parser.parse_args()
    with running_services() as running:
        a, b = running.start_node_pair(store=arguments.store)
        gateways = running.start_gateway(a), running.start_gateway(b)
        pids = {
            "node_a": a.pid,
            "gateway_a": gateways[0].pid,
            "node_b": b.pid,
            "gateway_b": gateways[1].pid,
        }
        addresses = gateways[0].http_address, gateways[1].http_address
        uvloop.run(_measure(addresses, pids, arguments.rates, arguments.seconds))


if __name__ == "__main__":
    main()
