"""The clients that the README shows run as they stand, in an empty folder with ``proto``.

Each is set up with the README's own commands; they fetch what they name from the
registries of their languages, or from a cache of those. The environment of this
repository is not on their path.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.driver import EventListener, NodeProcess, wait_until
from tests.interop.programs import ROOT

README = (ROOT / "README.md").read_text("utf-8")
OWN_BIN = Path(sys.executable).parent
SET_UP_S = 600
"""Go compiles gRPC where its cache is empty."""

CLIENTS = {
    # language: the program's file, the language of its block
    "Python": ("client.py", "python"),
    "Go": ("main.go", "go"),
    "Node": ("client.mjs", "js"),
}


def blocks_of(language: str) -> tuple[str, str]:
    """Return the program and the commands that the README shows for a language."""
    file_name, block = CLIENTS[language]
    shown = re.search(
        rf"\*\*{language}\*\*, `{re.escape(file_name)}`.*?```{block}\n(.*?)```\n\n```sh\n(.*?)```",
        README,
        re.DOTALL,
    )
    assert shown, f"the README shows no client in {language}"
    return shown[1], shown[2]


def tools(directory: Path) -> Path:
    """Put the programs that the README takes for granted into a folder of their own."""
    directory.mkdir()
    for name in ("node", "npm", "npx"):
        (directory / name).symlink_to(OWN_BIN / name)
    protoc = directory / "protoc"
    # The compiler itself; where it is not installed, the same from grpcio-tools.
    installed = shutil.which("protoc")
    command = f'"{sys.executable}" -m grpc_tools.protoc' if installed is None else installed
    protoc.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    protoc.chmod(0o755)
    return directory


def environment(tools_path: Path) -> dict[str, str]:
    """Return this environment without the repository's own programs and packages."""
    path = [one for one in os.environ["PATH"].split(os.pathsep) if Path(one) != OWN_BIN]
    kept = {name: value for name, value in os.environ.items() if name not in UNWANTED}
    return {**kept, "PATH": os.pathsep.join([str(tools_path), *path]), "GOFLAGS": "-mod=mod"}


UNWANTED = {"VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "GOFLAGS", "NODE_PATH"}


@contextmanager
def running(
    script: str, directory: Path, tools_path: Path
) -> Iterator[tuple[Path, subprocess.Popen[bytes]]]:
    """Run the commands in a folder; yield the file with what they print."""
    output = directory / "output"
    with output.open("wb") as printed:
        client = subprocess.Popen(
            ["bash", "-euc", script],
            cwd=directory,
            env=environment(tools_path),
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield output, client
        finally:
            with suppress(ProcessLookupError):
                os.killpg(client.pid, signal.SIGKILL)
            client.wait()


@pytest.mark.timeout(2 * SET_UP_S)
@pytest.mark.parametrize("language", CLIENTS)
def test_client_of_the_readme_publishes_and_receives(
    language: str, node: NodeProcess, tmp_path: Path
) -> None:
    program, commands = blocks_of(language)
    assert "localhost:50051" in program
    directory = tmp_path / "client"
    directory.mkdir()
    shutil.copytree(ROOT / "proto", directory / "proto")
    source = program.replace("localhost:50051", node.grpc_address)
    (directory / CLIENTS[language][0]).write_text(source, "utf-8")
    tools_path = tools(tmp_path / "tools")
    with (
        EventListener(node) as listener,
        running(commands, directory, tools_path) as (output, client),
    ):
        wait_until(
            lambda: (listener.texts, client.poll(), output.read_text()[-2_000:]),
            lambda seen: f"hello from {language}" in seen[0] or seen[1] is not None,
            timeout_s=SET_UP_S,
        )
        assert client.poll() is None, output.read_text()

        def look() -> str:
            node.publish("to the client")
            return output.read_text()

        wait_until(look, lambda text: f"{node.peer_id} to the client" in text)


def test_versions_that_the_readme_names_are_those_of_our_own_go_client() -> None:
    modules = (ROOT / "tests" / "interop" / "go" / "go.mod").read_text("utf-8")
    named = re.findall(r"(google\.golang\.org/[\w./-]+)@(v[\w.]+)", blocks_of("Go")[1])
    assert named
    for package, version in named:
        module = package.replace("/cmd/protoc-gen-go@", "@")
        module = module.removesuffix("/cmd/protoc-gen-go")
        assert f"{module} {version}" in modules, (package, version)
