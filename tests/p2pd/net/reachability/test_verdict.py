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
