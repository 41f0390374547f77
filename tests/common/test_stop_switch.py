"""One signal stops a process in time, whatever its main thread does; a second at once."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEADLINE_S = 2.0
PROGRAM = f"""
import sys, time
from common.stop_switch import StopSwitch
switch = StopSwitch({DEADLINE_S})
if "deaf" not in sys.argv:
    switch.subscribe(lambda: print("woken", flush=True))
print("ready", flush=True)
time.sleep(3600)
"""


@pytest.fixture(params=["listening", "deaf"])
def process(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, request.param],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()


@pytest.mark.parametrize("process", ["listening"], indirect=True)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_hanging_process_ends_at_the_deadline(
    process: subprocess.Popen[str], number: signal.Signals
) -> None:
    began_s = time.monotonic()
    process.send_signal(number)
    process.send_signal(number)  # so close together, the two are one
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert output.startswith("woken\n")
    assert output.count("did not stop in time") == 1
    assert time.monotonic() - began_s >= DEADLINE_S


@pytest.mark.parametrize("process", ["listening"], indirect=True)
def test_a_second_signal_does_not_wait_for_the_deadline(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)  # closer together, two signals are one
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "second signal" in output


@pytest.mark.parametrize("process", ["deaf"], indirect=True)
def test_a_process_that_nothing_stops_yet_ends_at_once(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    assert (process.returncode, output) == (0, "")


def test_who_subscribes_too_late_is_woken_at_once() -> None:
    program = """
import os, signal, threading, time
from common.stop_switch import StopSwitch
switch, first = StopSwitch(60), threading.Event()
switch.subscribe(first.set)
os.kill(os.getpid(), signal.SIGTERM)
first.wait()
switch.subscribe(lambda: os._exit(7))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, timeout=60, check=False)
    assert done.returncode == 7
