"""How a node can be reached, from the domain's facts."""

from __future__ import annotations

from wsp.chat.v1 import chat_pb2

from p2pd.api.time_from_ns import duration_from_s, timestamp_from_ns
from p2pd.domain.reach import (
    AddressReachability,
    EvidenceKind,
    HolePunch,
    HolePunchResult,
    PortMapping,
    Reach,
    Reachability,
    ReachabilityEvidence,
    RelayReservation,
)

_REACHABILITIES = {
    Reachability.UNKNOWN: chat_pb2.REACHABILITY_UNSPECIFIED,
    Reachability.PUBLIC: chat_pb2.REACHABILITY_PUBLIC,
    Reachability.PRIVATE: chat_pb2.REACHABILITY_PRIVATE,
}
_EVIDENCE_KINDS = {
    EvidenceKind.INBOUND_CONNECTION: chat_pb2.EVIDENCE_KIND_INBOUND_CONNECTION,
    EvidenceKind.AUTONAT: chat_pb2.EVIDENCE_KIND_AUTONAT,
    EvidenceKind.PORT_MAPPING: chat_pb2.EVIDENCE_KIND_PORT_MAPPING,
}
_RESULTS = {
    HolePunchResult.SUCCEEDED: chat_pb2.HOLE_PUNCH_RESULT_SUCCEEDED,
    HolePunchResult.NO_CONNECTION: chat_pb2.HOLE_PUNCH_RESULT_NO_CONNECTION,
    HolePunchResult.NO_ADDRESSES: chat_pb2.HOLE_PUNCH_RESULT_NO_ADDRESSES,
    HolePunchResult.REFUSED: chat_pb2.HOLE_PUNCH_RESULT_REFUSED,
    HolePunchResult.PROTOCOL_ERROR: chat_pb2.HOLE_PUNCH_RESULT_PROTOCOL_ERROR,
}


def reachability_from_domain(reachability: Reachability) -> chat_pb2.Reachability.ValueType:
    """Translate the verdict."""
    return _REACHABILITIES[reachability]


def reach_from_domain(reach: Reach) -> chat_pb2.Reach:
    """Translate all but the verdict, which the node itself has."""
    service = reach.relay_service
    return chat_pb2.Reach(
        evidence=map(_evidence_from_domain, reach.evidence),
        relays=map(_reservation_from_domain, reach.relays),
        relay_service=chat_pb2.RelayService(
            is_on=service.is_on,
            reservation_count=service.reservation_count,
            circuit_count=service.circuit_count,
        ),
        port_mappings=map(_mapping_from_domain, reach.port_mappings),
        hole_punches=map(_punch_from_domain, reach.hole_punches),
        addresses=map(_address_from_domain, reach.addresses),
    )


def _evidence_from_domain(evidence: ReachabilityEvidence) -> chat_pb2.ReachabilityEvidence:
    return chat_pb2.ReachabilityEvidence(
        kind=_EVIDENCE_KINDS[evidence.kind],
        is_reachable=evidence.is_reachable,
        time=timestamp_from_ns(evidence.time_ns),
        peer_id=evidence.peer_id,
        address=evidence.address,
    )


def _address_from_domain(known: AddressReachability) -> chat_pb2.AddressReachability:
    return chat_pb2.AddressReachability(
        address=known.address,
        transport=known.transport,
        reachability=_REACHABILITIES[known.reachability],
    )


def _reservation_from_domain(reservation: RelayReservation) -> chat_pb2.RelayReservation:
    max_s = reservation.max_circuit_s
    return chat_pb2.RelayReservation(
        relay_id=reservation.relay_id,
        addresses=reservation.addresses,
        expire_time=timestamp_from_ns(reservation.expire_time_ns),
        max_circuit_bytes=reservation.max_circuit_bytes,
        max_circuit_duration=duration_from_s(max_s) if max_s else None,
    )


def _mapping_from_domain(mapping: PortMapping) -> chat_pb2.PortMapping:
    expire_ns = mapping.expire_time_ns
    return chat_pb2.PortMapping(
        protocol=mapping.protocol,
        external_address=mapping.external_address,
        internal_address=mapping.internal_address,
        expire_time=timestamp_from_ns(expire_ns) if expire_ns else None,
    )


def _punch_from_domain(punch: HolePunch) -> chat_pb2.HolePunch:
    round_trip_s = punch.round_trip_s
    return chat_pb2.HolePunch(
        peer_id=punch.peer_id,
        result=_RESULTS[punch.result],
        is_initiator=punch.is_initiator,
        transport=punch.transport,
        attempt_count=punch.attempt_count,
        duration=duration_from_s(punch.duration_s),
        time=timestamp_from_ns(punch.time_ns),
        round_trip=None if round_trip_s is None else duration_from_s(round_trip_s),
    )
