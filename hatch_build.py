"""Build hook: turns ``proto/`` into typed Python under ``build/generated``.

Called by hatchling for every wheel and editable install, so that generated
code is never committed and never edited by hand.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

#: Python package of each proto file; ``package wsp.chat.v1`` becomes ``wsp.chat.v1``.
PACKAGES = {
    "chat.proto": "wsp/chat/v1",
    "direct.proto": "wsp/direct/v1",
    "profile.proto": "wsp/profile/v1",
    "sync.proto": "wsp/sync/v1",
    "autonat.proto": "wsp/autonat/v2",
}


class ProtoBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Run protoc over ``proto/`` before the package is assembled."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Generate messages, services and stubs, and put them into the wheel."""
        root = Path(self.root)
        generated = root / "build" / "generated"
        shutil.rmtree(generated, ignore_errors=True)
        generated.mkdir(parents=True)
        for name, package in PACKAGES.items():
            generate(root / "proto", name, package, generated)
        write_json_modules(root, generated / PACKAGES["chat.proto"])
        (generated / "wsp" / "py.typed").touch()
        if version == "standard":
            build_data["force_include"][str(generated / "wsp")] = "wsp"


def generate(proto_dir: Path, name: str, package: str, out: Path) -> None:
    """Generate one proto file into ``out/package``.

    Raises:
        RuntimeError: protoc refused the file; its own words are on stderr.
    """
    import grpc_tools
    from grpc_tools import protoc

    scripts = Path(sys.executable).parent
    well_known = Path(grpc_tools.__file__).parent / "_proto"
    arguments = [
        "protoc",
        f"-I{package}={proto_dir}",
        f"-I{well_known}",
        f"-I{proto_dir}",
        f"--plugin=protoc-gen-mypy={scripts / 'protoc-gen-mypy'}",
        f"--plugin=protoc-gen-mypy_grpc={scripts / 'protoc-gen-mypy_grpc'}",
        f"--python_out={out}",
        f"--grpc_python_out={out}",
        f"--mypy_out=quiet:{out}",
        f"--mypy_grpc_out=quiet:{out}",
        f"{package}/{name}",
    ]
    if protoc.main(arguments) != 0:
        raise RuntimeError(f"protoc could not compile proto/{name}")


def write_json_modules(root: Path, out: Path) -> None:
    """Write what is derived from the proto: its messages as JSON and as pydantic models."""
    sys.path.insert(0, str(root))
    from codegen import models, python_json
    from codegen.shapes import contract_from_proto

    contract = contract_from_proto(root / "proto")
    (out / "chat_json.py").write_text(python_json.source(contract), "utf-8")
    (out / "chat_models.py").write_text(models.source(contract), "utf-8")
