"""A running ``docker compose --profile demo up``, and how to talk to it.

``open_deployment`` uses the machine's own Docker engine. Where there is none,
``COMPOSE_LAB`` may name a program that brings one for as long as a command
runs: ``PROGRAM PROJECT_DIR STATE_DIR COMMAND``, with ``NSRUN`` in the command's
environment as the prefix that reaches the published ports.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.driver import reaper
from tests.driver.waiting import wait_until

ROOT = Path(__file__).parents[2]
UP_S = 600
DOWN_S = 90
#: Ends when it is told to, or when the tests are gone.
HOLD = (
    'echo "$NSRUN" > {ready}.new && mv {ready}.new {ready};'
    " while kill -0 {pid} && [ ! -e {stop} ]; do sleep 0.2; done"
)


class CallFailedError(Exception):
    """A program that talks to the deployment failed."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """The demo, up and healthy.

    Attributes:
        environment: What its docker commands need.
        prefix: Command in front of programs that use the published ports.
        ports: Published port of each setting of ``docker-compose.yml``.
    """

    environment: Mapping[str, str]
    prefix: tuple[str, ...]
    ports: Mapping[str, str]

    def compose(self, *arguments: str) -> str:
        """Run ``docker compose`` and return its output."""
        return self._run("docker", "compose", "--project-directory", str(ROOT), *arguments)

    def inspect(self, service: str) -> Any:
        """Return what Docker knows of a service's container."""
        container = self.compose("ps", "--all", "--quiet", service).strip()
        return json.loads(self._run("docker", "inspect", container))[0]

    def python_in(self, service: str, program: str) -> str:
        """Run a Python program in a service's container, as its user."""
        return self.compose("exec", "-T", service, "python", "-c", program)

    def near(self, *command: str) -> str:
        """Run a program where the published ports are."""
        return self._run(*self.prefix, *command)

    def get(self, port: str, path: str) -> tuple[int, Any]:
        """GET a path of the gateway at a published port: status and JSON."""
        return self._call("GET", f"http://127.0.0.1:{self.ports[port]}{path}")

    def post(self, port: str, path: str, body: object) -> tuple[int, Any]:
        """POST JSON to a gateway: status and JSON."""
        url = f"http://127.0.0.1:{self.ports[port]}{path}"
        return self._call("POST", url, json.dumps(body))

    def wait_healthy(self, service: str, timeout_s: float = 120.0) -> None:
        """Wait until Docker calls a service's container healthy."""
        wait_until(
            lambda: self.inspect(service)["State"],
            lambda state: state["Health"]["Status"] == "healthy",
            timeout_s=timeout_s,
        )

    def _call(self, *arguments: str) -> tuple[int, Any]:
        program = str(ROOT / "tests" / "driver" / "http_call.py")
        answer = json.loads(self.near(sys.executable, program, *arguments))
        return answer["status"], json.loads(answer["body"])

    def _run(self, *command: str) -> str:
        done = subprocess.run(
            command,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode != 0:
            raise CallFailedError(f"{command} ended with {done.returncode}: {done.stderr}")
        return done.stdout


@contextlib.contextmanager
def open_deployment() -> Iterator[Deployment]:
    """Build and start the demo, wait until it is healthy, and take it down at the end.

    Raises:
        AssertionError: there is no engine, or the demo did not become healthy.
    """
    ports = {
        name: str(_free_port())
        for name in ("GRPC_PORT", "P2P_PORT", "P2P_WS_PORT", "PAGE_PORT", "PAGE_B_PORT")
    }
    demo = {"COMPOSE_PROFILES": "demo", "P2PD_BOOTSTRAP": "none", **ports}
    lab = os.environ.get("COMPOSE_LAB")
    if _engine_answers():
        with _on_own_engine(demo):
            yield Deployment(demo, (), ports)
    elif lab:
        with _in_lab(lab, demo) as (environment, prefix):
            yield Deployment({**demo, **environment}, prefix, ports)
    else:
        raise AssertionError(
            "the tests of docker-compose.yml need a Docker engine with compose, "
            "or COMPOSE_LAB, the path of a program that brings one"
        )


def _engine_answers() -> bool:
    if shutil.which("docker") is None:
        return False
    commands = (["docker", "info"], ["docker", "compose", "version"])
    return all(
        subprocess.run(one, capture_output=True, check=False).returncode == 0 for one in commands
    )


@contextlib.contextmanager
def _on_own_engine(demo: dict[str, str]) -> Iterator[None]:
    demo["COMPOSE_PROJECT_NAME"] = f"wsp-test-{os.getpid()}"
    command = ["docker", "compose", "--project-directory", str(ROOT)]
    environment = {**os.environ, **demo}
    try:
        up = subprocess.run(
            [*command, "up", "--build", "--detach", "--wait", "--wait-timeout", "180"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=UP_S,
            check=False,
        )
        assert up.returncode == 0, f"{up.stdout}{up.stderr}"
        yield
    finally:
        subprocess.run(
            [*command, "down", "--volumes", "--timeout", "10"],
            env=environment,
            capture_output=True,
            timeout=DOWN_S,
            check=False,
        )


@contextlib.contextmanager
def _in_lab(lab: str, demo: dict[str, str]) -> Iterator[tuple[dict[str, str], tuple[str, ...]]]:
    """Hold the lab open; give what its docker commands need and its prefix."""
    state = Path(tempfile.mkdtemp(prefix="wsp-lab-"))
    ready, stop, log = state / "ready", state / "stop", state / "lab.log"
    hold = HOLD.format(ready=ready, stop=stop, pid=os.getpid())
    with log.open("wb") as output:
        process = subprocess.Popen(
            [lab, str(ROOT), str(state), hold],
            env={**os.environ, **demo},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    reaper.watch(process.pid)
    try:
        wait_until(lambda: (ready.exists(), process.poll()), _any_of, timeout_s=UP_S)
        assert ready.exists(), log.read_text(errors="replace")[-8000:]
        environment = {
            "DOCKER_HOST": f"unix://{state}/docker.sock",
            "DOCKER_CONFIG": f"{state}/cfg",
        }
        yield environment, tuple(ready.read_text().split())
    finally:
        stop.touch()
        if not ready.exists():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        process.wait(DOWN_S)
        reaper.forget(process.pid)
        subprocess.run(["rm", "-rf", state], check=False)  # whole images: many times faster


def _any_of(seen: tuple[bool, int | None]) -> bool:
    is_ready, exit_code = seen
    return is_ready or exit_code is not None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
