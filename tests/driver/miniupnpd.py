"""A router that maps ports when it is asked: Debian's ``miniupnpd`` in a namespace.

Used with ``nat_lab.open_nat_lab``, on a router whose machines are on ``inside``.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.driver.lan import Machine, run_program
from tests.driver.waiting import wait_until

STOP_TIMEOUT_S = 10
TABLE = "miniupnpd"
CONFIGURATION = """
ext_ifname=eth0
listening_ip=inside
port=5555
enable_upnp={upnp}
enable_natpmp={pcp}
min_lifetime=10
max_lifetime={max_lifetime_s}
secure_mode=yes
system_uptime=yes
uuid=12345678-1234-1234-1234-123456789abc
upnp_table_name={table}
upnp_nat_table_name={table}
upnp_forward_chain=forwarded
upnp_nat_chain=mapped
upnp_nat_postrouting_chain=unmapped
allow 1024-65535 192.168.0.0/16 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
"""

NO_PCP_6 = [
    f"add chain inet {TABLE} asked {{ type filter hook input priority 0 ; }}",
    f"add rule inet {TABLE} asked meta nfproto ipv6 udp dport 5351 drop",
]
"""The daemon answers PCP over IPv6 whatever it is set to."""


@contextmanager
def port_mapping(
    router: Machine,
    directory: Path,
    *,
    is_upnp: bool = True,
    is_pcp: bool = True,
    max_lifetime_s: int = 86400,
) -> Iterator[None]:
    """Run the daemon on a router until the block ends; what it mapped goes with it."""
    run_program(*router.prefix, "nft", "\n".join(_chains() + ([] if is_pcp else NO_PCP_6)))
    configuration, log = directory / "miniupnpd.conf", directory / "miniupnpd.log"
    configuration.write_text(
        CONFIGURATION.format(
            upnp=_word(is_upnp),
            pcp=_word(is_pcp),
            max_lifetime_s=max_lifetime_s,
            table=TABLE,
        )
    )
    command = [*router.prefix, "/usr/sbin/miniupnpd", "-d", "-f", str(configuration)]
    command += ["-P", str(directory / "miniupnpd.pid")]
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    port = ":5555" if is_upnp else ":5351"
    try:
        wait_until(lambda: _sockets(router), lambda open_: port in open_, timeout_s=5)
        yield
    finally:
        process.terminate()
        process.wait(STOP_TIMEOUT_S)


def pinholes(router: Machine) -> str:
    """Print the rules by which the router lets unasked packets of IPv6 in."""
    command = [*router.prefix, "nft", "list", "chain", "inet", TABLE, "forwarded"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def mapped_ports(router: Machine) -> str:
    """Print the rules by which the router forwards."""
    command = [*router.prefix, "nft", "list", "chain", "inet", TABLE, "mapped"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _sockets(router: Machine) -> str:
    command = [*router.prefix, "ss", "-lntuH"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _chains() -> list[str]:
    return [
        f"add table inet {TABLE}",
        f"flush table inet {TABLE}",
        *(f"add chain inet {TABLE} {name}" for name in ("forwarded", "mapped", "unmapped")),
        f"add chain inet {TABLE} pre {{ type nat hook prerouting priority dstnat ; }}",
        f"add rule inet {TABLE} pre jump mapped",
        f"add chain inet {TABLE} post {{ type nat hook postrouting priority 90 ; }}",
        f"add rule inet {TABLE} post jump unmapped",
        f"add chain inet {TABLE} ipv6 {{ type filter hook forward priority 0 ; policy drop ; }}",
        f"add rule inet {TABLE} ipv6 meta nfproto ipv4 accept",
        f"add rule inet {TABLE} ipv6 ct state established,related accept",
        f"add rule inet {TABLE} ipv6 iifname inside accept",
        f"add rule inet {TABLE} ipv6 jump forwarded",
    ]


def _word(is_on: bool) -> str:
    return "yes" if is_on else "no"
