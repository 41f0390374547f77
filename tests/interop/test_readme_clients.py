"""The clients that the README shows, as they stand there, against a real node."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.driver import EventListener, NodeProcess, wait_until
from tests.interop.programs import NODE, ROOT

GO_MODULE = ROOT / "tests" / "interop" / "go"
GO_MAIN = """package main

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"wsp.test/interop/chatv1"
)

func main() {
	ctx := context.Background()
	%s
}
"""


def snippet(language: str, node: NodeProcess) -> str:
    """Return the README's only block in a language, with this node's address."""
    blocks = re.findall(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len(blocks) == 1, blocks
    assert "localhost:50051" in blocks[0]
    return str(blocks[0]).replace("localhost:50051", node.grpc_address)


def python_command(node: NodeProcess, directory: Path) -> list[str]:
    program = directory / "client.py"
    program.write_text(snippet("python", node))
    return [sys.executable, "-u", str(program)]


def node_command(node: NodeProcess, directory: Path) -> list[str]:
    program = directory / "client.mjs"
    program.write_text(snippet("js", node))
    (directory / "node_modules").symlink_to(ROOT / "tests" / "javascript" / "node_modules")
    (directory / "proto").symlink_to(ROOT / "proto")
    (directory / "googleapis").symlink_to(ROOT / "build" / "googleapis")
    return [str(NODE), str(program)]


def go_command(node: NodeProcess, directory: Path) -> list[str]:
    """Build the snippet as a package of the module that holds the generated code."""
    source, overlay, program = (directory / name for name in ("main.go", "overlay.json", "client"))
    source.write_text(GO_MAIN % snippet("go", node))
    overlay.write_text(
        json.dumps({"Replace": {str(GO_MODULE / "readme" / "main.go"): str(source)}})
    )
    build = ["go", "build", "-buildvcs=false", "-overlay", str(overlay), "-o", str(program)]
    built = subprocess.run(
        [*build, "./readme"], cwd=GO_MODULE, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    return [str(program)]


COMMANDS = {"Python": python_command, "Go": go_command, "Node": node_command}


@pytest.mark.parametrize("language", COMMANDS)
def test_client_of_the_readme_publishes_and_receives(
    language: str, node: NodeProcess, tmp_path: Path
) -> None:
    directory = tmp_path / "client"
    directory.mkdir()
    command = COMMANDS[language](node, directory)
    output = directory / "output"
    with EventListener(node) as listener, output.open("wb") as printed:
        client = subprocess.Popen(command, cwd=directory, stdout=printed, stderr=subprocess.STDOUT)
        try:
            hello = listener.wait_text(f"hello from {language}")
            assert hello.author_id == node.peer_id

            def look() -> str:
                node.publish("to the client")
                return output.read_text()

            wait_until(look, lambda text: f"{node.peer_id} to the client" in text)
        finally:
            client.kill()
            client.wait()
