"""A machine with containers announces what others can dial, not the bridge of these."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.driver.lan import Machine, open_lan, run_ip

pytestmark = pytest.mark.netns

PRINT_HOSTS = "from p2pd.net.interfaces import network_hosts; print(*network_hosts(4))"
BRIDGE, OUTSIDE = "172.17.0.1", "10.77.0.1"


def hosts_of(machine: Machine) -> list[str]:
    command = [*machine.prefix, sys.executable, "-c", PRINT_HOSTS]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_bridge_of_containers_is_announced_only_where_there_is_nothing_else() -> None:
    with open_lan(1) as [machine]:
        run_ip(machine.name, "link", "add", "docker0", "type", "bridge")
        run_ip(machine.name, "address", "add", f"{BRIDGE}/16", "dev", "docker0")
        run_ip(machine.name, "link", "set", "docker0", "up")
        run_ip(machine.name, "link", "add", "container", "type", "veth", "peer", "inside")
        run_ip(machine.name, "link", "set", "container", "master", "docker0", "up")
        run_ip(machine.name, "link", "set", "inside", "up")
        assert hosts_of(machine) == [OUTSIDE]
        machine.unplug()
        assert hosts_of(machine) == [BRIDGE]
