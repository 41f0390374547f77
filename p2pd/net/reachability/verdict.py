"""From single observations to public, private or unknown. Pure.

Held by ``service``. Each independent observer has one vote, its newest; a vote expires.
A verdict needs three votes of one kind, or two where fewer than three observers can be
asked, and more of them than of the other kind, so that one peer neither makes nor
changes it. A peer that came from the internet unasked is proof by itself until then. A
mapping at the router counts for two while nobody contradicts it.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from p2pd.domain.reach import MAX_EVIDENCE, EvidenceKind, Reachability, ReachabilityEvidence

MINUTES = 60.0
VOTE_LIFETIME_S = 45 * MINUTES
LEAST_VOTES = 2
WANTED_VOTES = 3
WEIGHTS = {EvidenceKind.INBOUND_CONNECTION: 3, EvidenceKind.AUTONAT: 1}
MAPPING_WEIGHT = 2


@dataclass(frozen=True, slots=True)
class _Vote:
    evidence: ReachabilityEvidence
    cast_s: float


def votes_wanted(observer_count: int) -> int:
    """Return how many agreeing votes a verdict needs where so many can be asked."""
    return min(WANTED_VOTES, max(LEAST_VOTES, observer_count))


class ReachabilityVerdict:
    """The votes and what follows from them.

    Attributes:
        reachability: As judged last.
    """

    def __init__(self) -> None:
        self.reachability = Reachability.UNKNOWN
        self._votes: OrderedDict[str, _Vote] = OrderedDict()

    @property
    def evidence(self) -> tuple[ReachabilityEvidence, ...]:
        """The votes that count, oldest first, at most 16."""
        return tuple(each.evidence for each in self._votes.values())

    def add(self, observer: str, evidence: ReachabilityEvidence, now_s: float) -> None:
        """Count an observer's vote in place of the one it had; the oldest of all gives way."""
        self._votes.pop(observer, None)
        self._votes[observer] = _Vote(evidence, now_s)
        while len(self._votes) > MAX_EVIDENCE:
            self._votes.popitem(last=False)

    def remove(self, observer: str) -> None:
        """Drop an observer's vote; one that has none is ignored."""
        self._votes.pop(observer, None)

    def clear(self) -> None:
        """Drop every vote: this node is somewhere else now."""
        self._votes.clear()
        self.reachability = Reachability.UNKNOWN

    def fresh_answers(self, now_s: float, max_age_s: float) -> int:
        """Count the answers of peers that are younger than ``max_age_s``."""
        return sum(
            vote.evidence.kind is EvidenceKind.AUTONAT and now_s - vote.cast_s < max_age_s
            for vote in self._votes.values()
        )

    def judge(self, now_s: float, wanted: int) -> Reachability:
        """Expire old votes and say what the others mean; too few change nothing."""
        for observer, vote in tuple(self._votes.items()):
            if now_s - vote.cast_s >= VOTE_LIFETIME_S:
                del self._votes[observer]
        votes = [vote.evidence for vote in self._votes.values()]
        against = sum(not each.is_reachable for each in votes)
        in_favour = sum(WEIGHTS.get(each.kind, 0) for each in votes if each.is_reachable)
        if not against and any(each.kind is EvidenceKind.PORT_MAPPING for each in votes):
            in_favour += MAPPING_WEIGHT
        if in_favour >= wanted and in_favour > against:
            self.reachability = Reachability.PUBLIC
        elif against >= wanted and against > in_favour:
            self.reachability = Reachability.PRIVATE
        elif not self._supports(in_favour, against):
            self.reachability = Reachability.UNKNOWN
        return self.reachability

    def _supports(self, in_favour: int, against: int) -> bool:
        """Return whether anything left speaks for the present verdict."""
        match self.reachability:
            case Reachability.PUBLIC:
                return in_favour > 0
            case Reachability.PRIVATE:
                return against > 0
            case Reachability.UNKNOWN:
                return True
