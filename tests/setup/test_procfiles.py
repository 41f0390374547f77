"""``make up`` and ``make demo``, from their Procfiles, in a network of their own.

Their ports are fixed, so they run in a network namespace.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.driver import Service, wait_until
from tests.driver.lan import open_lan
from tests.driver.process import environment

pytestmark = pytest.mark.netns

ROOT = Path(__file__).parents[2]
FIRST, SECOND = "http://127.0.0.1:8080", "http://127.0.0.1:8081"
MESSAGES = "/api/rooms/chat-room/messages"
SIGINT_CODE = 130


class CallFailedError(Exception):
    """Nobody answers yet."""


class Running:
    """Services of a Procfile, in a namespace."""

    def __init__(self, namespace: str) -> None:
        self._prefix = ("ip", "netns", "exec", namespace)

    def call(self, *arguments: str) -> tuple[int, Any]:
        """Make one HTTP call; return status and JSON."""
        program = str(ROOT / "tests" / "driver" / "http_call.py")
        done = subprocess.run(
            [*self._prefix, sys.executable, program, *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode != 0:
            raise CallFailedError(done.stderr)
        answer = json.loads(done.stdout)
        return answer["status"], json.loads(answer["body"])

    def wait_ready(self, url: str) -> None:
        """Wait until a gateway hears its node."""
        wait_until(
            lambda: self.call("GET", f"{url}/readyz"),
            lambda answer: answer[0] == 200,
            timeout_s=90,
            ignoring=(CallFailedError,),
        )

    def say(self, url: str, text: str) -> None:
        """Post a message to a gateway."""
        status, answer = self.call("POST", url + MESSAGES, json.dumps({"text": text}))
        assert status == 201, answer

    def wait_text(self, url: str, text: str) -> None:
        """Wait until a gateway lists a message."""
        wait_until(
            lambda: self.call("GET", url + MESSAGES)[1],
            lambda page: text in [message["text"] for message in page["messages"]],
        )


@contextmanager
def run_procfile(name: str, directory: Path, **settings: str) -> Iterator[Running]:
    """Run a Procfile as ``make`` does and end it as Ctrl-C does."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with open_lan(1) as (machine,):
        environment = settings | {"PATH": path}
        honcho = Service("honcho", name, directory, environment, prefix=machine.prefix)
        honcho.spawn("start", "-f", str(ROOT / name))
        try:
            yield Running(machine.name)
        except BaseException as error:
            error.add_note(honcho.report())
            raise
        finally:
            honcho.signal(signal.SIGINT)
            assert honcho.wait_ended(20) == SIGINT_CODE, honcho.report()


def test_make_up_serves_the_page_of_one_node(tmp_path: Path) -> None:
    quiet = {
        "P2PD_BOOTSTRAP": "none",
        "P2PD_MDNS": "off",
        "P2PD_PORT_MAPPING": "off",
        "P2PD_DATA_DIR": str(tmp_path / "data"),
    }
    with run_procfile("Procfile", tmp_path, **quiet) as running:
        running.wait_ready(FIRST)
        running.say(FIRST, "hello")
        running.wait_text(FIRST, "hello")


def wait_output(path: Path, text: str) -> str:
    return wait_until(lambda: path.read_text(errors="replace"), lambda seen: text in seen)


def test_the_first_minute_of_make_up_is_plain(tmp_path: Path) -> None:
    settings = {
        "P2PD_BOOTSTRAP": "none",
        "P2PD_MDNS": "off",
        "P2PD_PORT_MAPPING": "off",
        "P2PD_DATA_DIR": str(tmp_path / "data"),
        "PYTHONUNBUFFERED": "1",
    }
    output = tmp_path / "output"
    with open_lan(1) as (machine,), output.open("wb") as file:
        make = subprocess.Popen(
            [*machine.prefix, "make", "up"],
            cwd=ROOT,
            env=environment() | settings,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            wait_output(output, f"url={FIRST}/")
        finally:
            # As Ctrl-C in a terminal: make, its shell and what runs in it all get it.
            os.killpg(make.pid, signal.SIGINT)
            code = make.wait(20)
    shown = output.read_text()
    lines = shown.splitlines()
    assert code in {0, -signal.SIGINT, SIGINT_CODE}, shown
    assert "***" not in shown
    assert "Error" not in shown
    assert "Traceback" not in shown
    assert sum(f"url={FIRST}/" in line for line in lines) == 1
    assert [line for line in lines if "[warning" in line or "[error" in line] == []
    logged = [line for line in lines if re.search(r"(node|gateway)\.1 +\| \d{4}-", line)]
    assert all(re.search(r"Z \[\w+ *\] ", line) for line in logged), shown
    assert any("gateway.1" in line for line in logged)


def test_make_demo_runs_two_nodes_that_find_one_another(tmp_path: Path) -> None:
    with run_procfile("Procfile.demo", tmp_path, DEMO_DIR=str(tmp_path / "data")) as running:
        running.wait_ready(FIRST)
        running.wait_ready(SECOND)
        running.say(SECOND, "from the second")
        running.wait_text(FIRST, "from the second")
        running.say(FIRST, "from the first")
        running.wait_text(SECOND, "from the first")
