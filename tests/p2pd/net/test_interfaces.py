"""Which interfaces lead out of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2pd.net.interfaces import is_container_bridge


def add_interface(system: Path, name: str, kind: str = "", *, is_device: bool = False) -> None:
    (system / name).mkdir()
    (system / name / "uevent").write_text(f"{kind}INTERFACE={name}\n")
    if is_device:
        (system / name / "device").mkdir()


@pytest.mark.parametrize(
    ("ports", "is_inner"),
    [
        (["veth1", "veth2"], True),
        (["veth1", "eth0"], False),
        (["eth0.7"], False),
        (["bond0", "veth1"], False),
        ([], True),
    ],
)
def test_bridge_is_inner_unless_one_of_its_ports_leads_out(
    tmp_path: Path, ports: list[str], is_inner: bool
) -> None:
    add_interface(tmp_path, "eth0", is_device=True)
    add_interface(tmp_path, "veth1")
    add_interface(tmp_path, "veth2")
    add_interface(tmp_path, "eth0.7", "DEVTYPE=vlan\n")
    add_interface(tmp_path, "bond0", "DEVTYPE=bond\n")
    add_interface(tmp_path, "br0", "DEVTYPE=bridge\n")
    (tmp_path / "br0" / "brif").mkdir()
    for port in ports:
        (tmp_path / "br0" / "brif" / port).mkdir()
    assert is_container_bridge("br0", tmp_path) is is_inner
    assert not is_container_bridge("eth0", tmp_path)
    assert not is_container_bridge("absent", tmp_path)
