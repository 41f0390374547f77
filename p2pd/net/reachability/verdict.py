"""From single observations to public, private or unknown. Pure.

Held by ``service``. Each independent observer has one vote, its newest, on each address
that it was asked about (AutoNAT v2), or on all of them together (v1); a vote expires. An
observer that has reached one address has reached this node. A verdict needs three such
observers that agree, or two where fewer than three can be asked, and more of them than of
the other kind, so that one peer neither makes nor changes it. A peer that came from the
internet unasked is proof by itself until then. A mapping at the router counts for two
while nobody contradicts it.
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
        self._votes: OrderedDict[tuple[str, str], _Vote] = OrderedDict()

    @property
    def evidence(self) -> tuple[ReachabilityEvidence, ...]:
        """The votes that count, oldest first, at most 32."""
        return tuple(each.evidence for each in self._votes.values())

    def add(
        self, observer: str, evidence: ReachabilityEvidence, now_s: float, about: str = ""
    ) -> None:
        """Count an observer's vote in place of the one it had; the oldest of all gives way.

        Args:
            about: The one address that the observer was asked about; empty for all.
        """
        self._votes.pop((observer, about), None)
        self._votes[observer, about] = _Vote(evidence, now_s)
        while len(self._votes) > MAX_EVIDENCE:
            self._votes.popitem(last=False)

    def addresses(self) -> list[str]:
        """List the addresses of which each was asked about, the newest first."""
        return list(dict.fromkeys(about for _, about in reversed(self._votes) if about))

    def clear(self) -> None:
        """Drop every vote: this node is somewhere else now."""
        self._votes.clear()
        self.reachability = Reachability.UNKNOWN

    def fresh_answers(self, now_s: float, max_age_s: float) -> int:
        """Count the peers whose newest answer is younger than ``max_age_s``."""
        return len(
            {
                observer
                for (observer, _), vote in self._votes.items()
                if vote.evidence.kind is EvidenceKind.AUTONAT and now_s - vote.cast_s < max_age_s
            }
        )

    def fresh_voters(self, address: str, now_s: float, max_age_s: float) -> frozenset[str]:
        """List who has voted on one address within the last ``max_age_s``."""
        return frozenset(
            observer
            for (observer, about), vote in self._votes.items()
            if about == address and now_s - vote.cast_s < max_age_s
        )

    def address_verdict(self, address: str, wanted: int) -> Reachability:
        """Say what the votes on one address mean, those of v1 that name it included."""
        votes = [
            vote.evidence
            for (_, about), vote in self._votes.items()
            if about == address or (not about and vote.evidence.address == address)
        ]
        against = sum(not each.is_reachable for each in votes)
        in_favour = sum(each.is_reachable for each in votes if each.kind is EvidenceKind.AUTONAT)
        if in_favour >= wanted and in_favour > against:
            return Reachability.PUBLIC
        if against >= wanted and against > in_favour:
            return Reachability.PRIVATE
        return Reachability.UNKNOWN

    def judge(self, now_s: float, wanted: int, *, is_complete: bool = True) -> Reachability:
        """Expire old votes and say what the others mean; too few change nothing.

        Args:
            is_complete: Whether no address is left that nobody was asked about: until
                then nothing says that this node cannot be reached at all.
        """
        for key, vote in tuple(self._votes.items()):
            if now_s - vote.cast_s >= VOTE_LIFETIME_S:
                del self._votes[key]
        in_favour, against = self._observers()
        if in_favour >= wanted and in_favour > against:
            self.reachability = Reachability.PUBLIC
        elif is_complete and against >= wanted and against > in_favour:
            self.reachability = Reachability.PRIVATE
        elif not self._supports(in_favour, against):
            self.reachability = Reachability.UNKNOWN
        return self.reachability

    def _observers(self) -> tuple[int, int]:
        """Weigh the observers that have reached this node, and count those that have not."""
        reached: dict[str, int] = {}
        for (observer, _), vote in self._votes.items():
            weight = WEIGHTS.get(vote.evidence.kind, 0) if vote.evidence.is_reachable else 0
            reached[observer] = max(weight, reached.get(observer, 0))
        mappings = [
            observer
            for (observer, _), vote in self._votes.items()
            if vote.evidence.kind is EvidenceKind.PORT_MAPPING
        ]
        against = sum(
            not weight for observer, weight in reached.items() if observer not in mappings
        )
        mapped = MAPPING_WEIGHT if mappings and not against else 0
        return sum(reached.values()) + mapped, against

    def _supports(self, in_favour: int, against: int) -> bool:
        """Return whether anything left speaks for the present verdict."""
        match self.reachability:
            case Reachability.PUBLIC:
                return in_favour > 0
            case Reachability.PRIVATE:
                return against > 0
            case Reachability.UNKNOWN:
                return True
