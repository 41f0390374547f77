"""The wheel and the sdist: the product, nothing else, and nothing missing."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from email.message import Message
from email.parser import Parser
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = {"p2pd", "gateway", "common", "wsp"}
COMMANDS = ("p2pd", "gateway")


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the sdist from a copy of what is under version control."""
    source = tmp_path_factory.mktemp("source")
    for name in run("git", "ls-files", cwd=ROOT).splitlines():
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, source / name)
    return build(source, "sdist")


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from what the sdist holds, as pip would."""
    unpacked = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(unpacked, filter="data")
    return build(next(unpacked.iterdir()), "wheel")


def build(source: Path, target: str) -> Path:
    run(sys.executable, "-m", "hatchling", "build", "-t", target, cwd=source)
    (built,) = (source / "dist").iterdir()
    return built


def names_in(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def metadata_of(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [one for one in archive.namelist() if one.endswith(".dist-info/METADATA")]
        return Parser().parsestr(archive.read(name).decode())


def test_the_wheel_holds_the_product_and_nothing_else(wheel: Path) -> None:
    names = names_in(wheel)
    top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == PRODUCT
    assert [name for name in names if "test" in name.lower() or name.endswith(".pyc")] == []
    for needed in (
        "gateway/web/index.html",
        "gateway/asyncapi.yaml",
        "p2pd/py.typed",
        "gateway/py.typed",
        "common/py.typed",
        "wsp/chat/v1/chat_pb2.py",
        "wsp/chat/v1/chat_pb2.pyi",
    ):
        assert needed in names


def test_the_sdist_holds_what_builds_it_and_no_tests(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = [name.split("/", 1)[1] for name in archive.getnames()]
    assert "proto/chat.proto" in names
    assert "LICENSE" in names
    assert [name for name in names if name.startswith(("tests/", "bench/", "build/"))] == []


def test_the_wheel_names_the_versions_of_python_that_have_wheels_of_all_it_needs(
    wheel: Path,
) -> None:
    assert set(metadata_of(wheel)["Requires-Python"].split(",")) == {">=3.11", "<3.14"}


def test_the_wheel_requires_everything_that_is_imported(wheel: Path) -> None:
    required = {
        normalized(re.split(r"[<>=!~; ]", requirement)[0])
        for requirement in metadata_of(wheel).get_all("Requires-Dist", [])
    }
    owners = packages_distributions()
    missing = {
        module: owners.get(module)
        for module in imported_modules()
        if not {normalized(name) for name in owners.get(module, [])} & required
        and module not in sys.stdlib_module_names | PRODUCT
    }
    # Parts of libp2p, of FastAPI and of the Google APIs, which require them.
    of_others = {"multiaddr", "starlette", "noise", "google", "dns", "trio_websocket"}
    assert missing.keys() <= of_others | {"aioquic", "miniupnpc"}


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported_modules() -> set[str]:
    found = set()
    for package in PRODUCT - {"wsp"}:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    found |= {name.name.split(".")[0] for name in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module:
                    found.add(node.module.split(".")[0])
    return found


def test_the_installed_wheel_runs(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "-q", "--no-deps", "--no-index", wheel, cwd=tmp_path)
    # What the wheel requires comes from this environment, without its copy of the product.
    site = Path(
        run(python, "-c", "import site; print(site.getsitepackages()[0])", cwd=tmp_path).strip()
    )
    (site / "required.pth").write_text(f"{Path(pytest.__file__).parents[1]}\n")
    for command in COMMANDS:
        program = tmp_path / "venv" / "bin" / command
        assert run(program, "--version", cwd=tmp_path) == f"{command} 0.1.0\n"
        assert "--log-format" in run(program, "--help", cwd=tmp_path)
    code = "import p2pd.node.composition, gateway.app; print(p2pd.__file__)"
    assert run(python, "-c", code, cwd=tmp_path).startswith(str(site))
