"""The messages to routers, byte by byte, and answers that are not what was asked for."""

from __future__ import annotations

import socket
from contextlib import closing
from pathlib import Path

import pytest

from p2pd.domain.reach import (
    AddressReachability,
    EvidenceKind,
    PortMapping,
    Reach,
    Reachability,
    ReachabilityEvidence,
)
from p2pd.net.reachability.mapping import natpmp, pcp, routes, udp
from p2pd.net.reachability.mapping.router import MappingError, Wanted
from p2pd.node.reach_metrics import reach_metrics

TCP = Wanted("tcp", 4001, 4002)
UDP = Wanted("udp", 4001, 4002)
NONCE = bytes(range(12))
PCP_ANSWER = bytes.fromhex(
    "02810000 00000e10 00000001 000000000000000000000000"
    "000102030405060708090a0b 06000000 0fa1 0fa2 00000000000000000000ffff0b000001"
)


def test_natpmp_asks_as_the_rfc_says() -> None:
    assert natpmp.address_request() == b"\0\0"
    assert natpmp.mapping_request(TCP, 7200) == bytes.fromhex("0002 0000 0fa1 0fa2 00001c20")
    assert natpmp.mapping_request(UDP, 7200)[1] == 1
    assert natpmp.mapping_request(TCP, 0) == bytes.fromhex("0002 0000 0fa1 0000 00000000")


def test_natpmp_reads_what_is_granted() -> None:
    address = bytes.fromhex("0080 0000 00000001 0b000001")
    assert natpmp.address_from_answer(address) == "11.0.0.1"
    mapping = bytes.fromhex("0082 0000 00000001 0fa1 1388 00000e10")
    assert natpmp.mapping_from_answer(mapping, "tcp") == natpmp.NatPmpMapping(4001, 5000, 3600)


@pytest.mark.parametrize(
    "answer",
    ["", "00", "0082 0002 00000001 0fa1 1388 00000e10", "0082 0000 00000001 0fa1", "02820000"],
)
def test_natpmp_refuses_what_is_no_grant(answer: str) -> None:
    with pytest.raises(MappingError):
        natpmp.mapping_from_answer(bytes.fromhex(answer), "tcp")


def test_natpmp_refuses_the_answer_for_the_other_transport() -> None:
    with pytest.raises(MappingError):
        natpmp.mapping_from_answer(bytes.fromhex("0082 0000 00000001 0fa1 1388 00000e10"), "udp")


def test_pcp_asks_as_the_rfc_says() -> None:
    request = pcp.map_request(TCP, 7200, "192.168.77.2", NONCE)
    assert request == bytes.fromhex(
        "02010000 00001c20 00000000000000000000ffffc0a84d02"
        "000102030405060708090a0b 06000000 0fa1 0fa2 00000000000000000000ffff00000000"
    )


def test_pcp_asks_for_a_hole_in_the_firewall_of_ipv6() -> None:
    request = pcp.map_request(UDP, 7200, "2a00:78::2", NONCE)
    assert request == bytes.fromhex(
        "02010000 00001c20 2a000078000000000000000000000002"
        "000102030405060708090a0b 11000000 0fa1 0fa2 00000000000000000000000000000000"
    )


ROUTES_6 = """\
2a000078000000000000000000000000 40 {any} 00 {any} 00000100 00000001 00000000 00000001     eth0
00000000000000000000000000000000 00 {any} 00 {router} 00000400 00000001 00000000 00000003     eth0
"""


@pytest.mark.parametrize(
    ("router", "found"),
    [
        ("fe80000000000000fc5bdcfffe831126", "fe80::fc5b:dcff:fe83:1126%eth0"),
        ("2a000078000000000000000000000001", "2a00:78::1"),
    ],
)
def test_default_router_of_ipv6_is_read_with_its_interface(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, router: str, found: str
) -> None:
    listed = tmp_path / "ipv6_route"
    listed.write_text(ROUTES_6.format(any="0" * 32, router=router))
    monkeypatch.setattr(routes, "ROUTES_6", listed)
    assert routes.default_router_6() == found
    listed.write_text(ROUTES_6.format(any="0" * 32, router=router).splitlines()[0])
    assert routes.default_router_6() is None
    listed.unlink()
    assert routes.default_router_6() is None


def test_pcp_reads_what_is_granted() -> None:
    granted = pcp.mapping_from_answer(PCP_ANSWER, "tcp", NONCE)
    assert granted == pcp.PcpMapping(4001, "11.0.0.1", 4002, 3600)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\0\x81\0\1",
        PCP_ANSWER[:3] + b"\x08" + PCP_ANSWER[4:],
        PCP_ANSWER[:40],
        PCP_ANSWER.replace(NONCE, bytes(12)),
    ],
)
def test_pcp_refuses_what_is_no_grant(answer: bytes) -> None:
    with pytest.raises(MappingError):
        pcp.mapping_from_answer(answer, "tcp", NONCE)


@pytest.mark.trio
async def test_router_that_does_not_answer_costs_little(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(udp, "REPEAT_AFTER_S", (0.01, 0.01))
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as silent:
        silent.bind(("127.0.0.1", 0))
        monkeypatch.setattr(udp, "PORT", silent.getsockname()[1])
        with pytest.raises(MappingError):
            await udp.NatPmpRouter("127.0.0.1").add(TCP, 7200)
    with pytest.raises(OSError):  # nobody listens there any more
        await udp.NatPmpRouter("127.0.0.1").add(TCP, 7200)


def test_metrics_show_verdict_evidence_and_mappings() -> None:
    evidence = ReachabilityEvidence(EvidenceKind.AUTONAT, is_reachable=True, time_ns=1)
    reach = Reach(
        Reachability.PUBLIC,
        evidence=(evidence, evidence),
        addresses=(AddressReachability("/ip4/11.0.0.1/tcp/1", "tcp", Reachability.PRIVATE),),
        port_mappings=(PortMapping("pcp", "/ip4/11.0.0.1/tcp/1", "/ip4/10.0.0.1/tcp/1"),),
    )
    values = {
        (sample.name, *sample.labels.values()): sample.value
        for family in reach_metrics(reach, 7)
        for sample in family.samples
    }
    assert values["p2pd_reachability", "public"] == 1
    assert values["p2pd_reachability", "private"] == 0
    assert values["p2pd_reachability_evidence", "autonat", "true"] == 2
    assert values["p2pd_port_mappings", "pcp"] == 1
    assert values["p2pd_checked_addresses", "tcp", "private"] == 1
    assert values[("p2pd_autonat_dials_total",)] == 7
