"""A home on a local network of namespaces: a router that translates, and a machine behind it.

The router drops what is unasked for. Used with ``lan.open_lan``; the addresses of that
network should look public.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.driver.lan import Machine, add_namespace, run_ip, run_program

ROUTER_INSIDE = "192.168.77.1"
INSIDE = "192.168.77.2"


@contextmanager
def home_behind(router: Machine) -> Iterator[Machine]:
    """Make a machine whose only way out is through ``router``, undone at the end."""
    home = Machine(f"{router.name}-home", INSIDE)
    with ExitStack() as undo:
        add_namespace(undo, home.name)
        run_ip(
            router.name,
            *("link", "add", "inside", "type", "veth", "peer", "eth0", "netns", home.name),
        )
        run_ip(router.name, "address", "add", f"{ROUTER_INSIDE}/24", "dev", "inside")
        run_ip(router.name, "link", "set", "inside", "up")
        home.plug_in()
        run_ip(home.name, "route", "add", "default", "via", ROUTER_INSIDE)
        run_program(*router.prefix, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        run_program(*router.prefix, "nft", "\n".join(_rules()))
        yield home


def _rules() -> list[str]:
    return [
        "add table ip home",
        "add chain ip home out { type nat hook postrouting priority srcnat ; }",
        "add rule ip home out oifname eth0 masquerade",
        "add chain ip home in { type filter hook input priority 0 ; }",
        "add rule ip home in iifname eth0 ct state established,related accept",
        "add rule ip home in iifname eth0 drop",
        "add chain ip home through { type filter hook forward priority 0 ; }",
        "add rule ip home through ct state established,related accept",
        "add rule ip home through ct status dnat accept",
        "add rule ip home through iifname eth0 drop",
    ]
