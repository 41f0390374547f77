"""What follows from the answers of several peers."""

from __future__ import annotations

from p2pd.domain.reach import MAX_EVIDENCE, EvidenceKind, Reachability, ReachabilityEvidence
from p2pd.net.reachability.verdict import VOTE_LIFETIME_S, ReachabilityVerdict, votes_wanted

PUBLIC, PRIVATE, UNKNOWN = Reachability.PUBLIC, Reachability.PRIVATE, Reachability.UNKNOWN


def evidence(is_reachable: bool, kind: EvidenceKind = EvidenceKind.AUTONAT) -> ReachabilityEvidence:
    return ReachabilityEvidence(kind, is_reachable, time_ns=1)


def test_verdict_needs_three_peers_that_agree() -> None:
    verdict = ReachabilityVerdict()
    for count, wanted in enumerate((UNKNOWN, UNKNOWN, PUBLIC)):
        verdict.add(f"n{count}", evidence(True), 0.0)
        assert verdict.judge(0.0, votes_wanted(10)) is wanted


def test_two_peers_do_where_there_are_no_more() -> None:
    verdict = ReachabilityVerdict()
    verdict.add("a", evidence(False), 0.0)
    assert verdict.judge(0.0, votes_wanted(1)) is UNKNOWN
    verdict.add("b", evidence(False), 0.0)
    assert verdict.judge(0.0, votes_wanted(2)) is PRIVATE


def test_one_peer_has_one_vote_however_often_it_answers() -> None:
    verdict = ReachabilityVerdict()
    for _ in range(5):
        verdict.add("liar", evidence(True), 0.0)
    assert verdict.judge(0.0, votes_wanted(1)) is UNKNOWN


def test_verdict_changes_only_when_most_say_otherwise() -> None:
    verdict = ReachabilityVerdict()
    for name in "abc":
        verdict.add(name, evidence(True), 0.0)
    verdict.judge(0.0, 3)
    for name, wanted in (("a", PUBLIC), ("b", PUBLIC), ("c", PRIVATE)):
        verdict.add(name, evidence(False), 1.0)
        assert verdict.judge(1.0, 3) is wanted


def test_votes_expire_and_the_verdict_with_them() -> None:
    verdict = ReachabilityVerdict()
    for name in "abc":
        verdict.add(name, evidence(True), 0.0)
    assert verdict.judge(VOTE_LIFETIME_S - 1, 3) is PUBLIC
    assert verdict.judge(VOTE_LIFETIME_S, 3) is UNKNOWN
    assert verdict.evidence == ()


def test_unasked_connection_is_proof_until_most_cannot_dial() -> None:
    verdict = ReachabilityVerdict()
    verdict.add("in", evidence(True, EvidenceKind.INBOUND_CONNECTION), 0.0)
    assert verdict.judge(0.0, 3) is PUBLIC
    for name in "abc":
        verdict.add(name, evidence(False), 1.0)
    assert verdict.judge(1.0, 3) is PUBLIC
    verdict.add("d", evidence(False), 1.0)
    assert verdict.judge(1.0, 3) is PRIVATE


def test_mapping_counts_while_nobody_contradicts() -> None:
    verdict = ReachabilityVerdict()
    verdict.add("router", evidence(True, EvidenceKind.PORT_MAPPING), 0.0)
    assert verdict.judge(0.0, votes_wanted(0)) is PUBLIC
    for name in "ab":
        verdict.add(name, evidence(False), 1.0)
    assert verdict.judge(1.0, votes_wanted(2)) is PRIVATE


def test_evidence_is_bounded() -> None:
    verdict = ReachabilityVerdict()
    for number in range(100):
        verdict.add(f"n{number}", evidence(True), 0.0)
    assert len(verdict.evidence) == MAX_EVIDENCE


TCP, QUIC = "/ip4/11.0.0.1/tcp/4001", "/ip4/11.0.0.1/udp/4001/quic-v1"


def asked_one_by_one(
    verdict: ReachabilityVerdict, observers: str, *, tcp: bool | None = None, quic: bool | None
) -> None:
    for name in observers:
        for address, is_reachable in ((TCP, tcp), (QUIC, quic)):
            if is_reachable is not None:
                verdict.add(name, evidence(is_reachable), 0.0, address)


def test_each_address_has_a_verdict_of_its_own() -> None:
    verdict = ReachabilityVerdict()
    asked_one_by_one(verdict, "abc", tcp=True, quic=False)
    assert verdict.address_verdict(TCP, 3) is PUBLIC
    assert verdict.address_verdict(QUIC, 3) is PRIVATE
    assert verdict.judge(0.0, 3) is PUBLIC, "a node is reached that one address of is"
    assert set(verdict.addresses()) == {TCP, QUIC}


def test_two_of_three_do_not_refute_an_address() -> None:
    verdict = ReachabilityVerdict()
    asked_one_by_one(verdict, "ab", quic=False)
    assert verdict.address_verdict(QUIC, 3) is UNKNOWN
    asked_one_by_one(verdict, "cde", quic=True)
    assert verdict.address_verdict(QUIC, 3) is PUBLIC
    asked_one_by_one(verdict, "f", quic=False)
    assert verdict.address_verdict(QUIC, 3) is UNKNOWN


def test_node_is_private_only_once_every_address_was_asked_about() -> None:
    verdict = ReachabilityVerdict()
    asked_one_by_one(verdict, "abc", tcp=False, quic=None)
    assert verdict.judge(0.0, 3, is_complete=False) is UNKNOWN
    asked_one_by_one(verdict, "abc", quic=False)
    assert verdict.judge(0.0, 3) is PRIVATE


def test_observer_that_was_asked_of_an_address_lately_is_known() -> None:
    verdict = ReachabilityVerdict()
    verdict.add("a", evidence(True), 0.0, TCP)
    verdict.add("b", evidence(True), 50.0, TCP)
    assert verdict.fresh_voters(TCP, 60.0, 30.0) == {"b"}
    assert verdict.fresh_voters(QUIC, 60.0, 30.0) == frozenset()
