"""A node starts on a machine without a name server (44)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

IMPORTS = {"ours": "import p2pd.net.host", "stock": "import libp2p"}


def import_offline(statement: str, resolv_conf: Path) -> subprocess.CompletedProcess[str]:
    """Run an import where ``/etc/resolv.conf`` names no server, in a mount namespace of its own."""
    resolv_conf.write_text("nameserver\n")
    script = '[ ! -e /etc/resolv.conf ] || mount --bind "$1" /etc/resolv.conf && exec "$2" -c "$3"'
    command = ["unshare", "-m", "sh", "-c", script, "sh", str(resolv_conf), sys.executable]
    return subprocess.run(
        [*command, statement], capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.upstream
@pytest.mark.netns
@pytest.mark.parametrize("stack", IMPORTS)
def test_import_without_name_server(stack: str, tmp_path: Path) -> None:
    done = import_offline(IMPORTS[stack], tmp_path / "resolv.conf")
    if stack == "ours":
        assert done.returncode == 0, done.stderr
    else:
        assert "NoResolverConfiguration" in done.stderr, "correction 44 can go"
