"""Why inputs of remote peers are dropped, and how many were, by reason.

Every boundary to peers counts here; the metric ``p2pd_rejected_inputs_total`` shows
the totals. The list of reasons is printed in ``docs/rejections.md``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class RejectionReason(StrEnum):
    """A short name, never a peer's own words, so that the counters are bounded by the code.

    Attributes:
        description: One sentence for operators.
    """

    description: str

    def __new__(cls, value: str, description: str = "") -> RejectionReason:
        """Make a member of its name and its sentence."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.description = description
        return member

    # Connections and identify
    CONNECTIONS_PER_ADDRESS = (
        "connections_per_address",
        "A connection was refused because its address or network prefix has too many already.",
    )
    CONNECTIONS_INBOUND = (
        "connections_inbound",
        "A connection was refused because there are too many inbound ones.",
    )
    CONNECTIONS_PER_PEER = (
        "connections_per_peer",
        "A connection was closed because its peer has too many already.",
    )
    CONNECTIONS_TOTAL = (
        "connections_total",
        "A connection was refused or not dialled because there are too many in all.",
    )
    DESCRIPTORS_RESERVED = (
        "descriptors_reserved",
        "A connection was refused or not dialled to keep file descriptors in reserve.",
    )
    BACKOFFS_OVER_LIMIT = (
        "backoffs_over_limit",
        "A peer's failed dials were forgotten because too many peers failed after it.",
    )
    DIAL_FAILED = "dial_failed", "A dial failed."
    CONNECTIONS_TRIMMED = (
        "connections_trimmed",
        "A connection of little use was closed because there are many.",
    )
    PRIVATE_ADDRESS = (
        "private_address",
        "An address that a peer reported was not dialled because it is private or loopback.",
    )
    INBOUND_HANDSHAKE = "inbound_handshake", "An inbound connection did not complete its handshake."
    IDENTIFY = "identify", "A peer did not answer identify, or what it says of itself is malformed."
    IDENTIFY_CUT = (
        "identify_cut",
        "What a peer says of itself was larger than its bound and was cut.",
    )
    REDIAL_OVER_LIMIT = (
        "redial_over_limit",
        "A lost peer is dialled no more because 256 peers were named after it.",
    )
    STREAM_HANDLER = "stream_handler", "A stream failed in a way that its protocol does not know."
    PEER_BLOCKED = "peer_blocked", "A connection was closed because its peer is blocked."
    # Discovery and the DHT
    DHT_UPKEEP_FAILED = "dht_upkeep_failed", "A round of DHT upkeep failed."
    INTRODUCTION_FAILED = "introduction_failed", "A peer that was found could not be dialled."
    INTRODUCTIONS_OVER_LIMIT = (
        "introductions_over_limit",
        "A peer that was found was dropped because the dial queue is full.",
    )
    KAD_REPLY_INVALID = "kad_reply_invalid", "A DHT server's answer was malformed."
    KAD_REPLY_OF_OTHER_TYPE = (
        "kad_reply_of_other_type",
        "A DHT server answered something else than was asked.",
    )
    KAD_REQUEST_INVALID = (
        "kad_request_invalid",
        "A DHT request was malformed or refused, or did not come.",
    )
    KAD_STREAMS_OVER_LIMIT = (
        "kad_streams_over_limit",
        "A DHT stream was refused because too many are open.",
    )
    MDNS_RECORD_INVALID = "mdns_record_invalid", "An mDNS record was malformed."
    MDNS_SESSION_FAILED = (
        "mdns_session_failed",
        "An mDNS session on one interface failed and is opened again.",
    )
    RENDEZVOUS_ROUND_FAILED = (
        "rendezvous_round_failed",
        "A search for members of a room failed and is tried again.",
    )
    # Relays
    RELAY_OFFER_MALFORMED = (
        "relay_offer_malformed",
        "A relay's offer of a circuit was malformed, or did not come.",
    )
    RELAY_OFFER_UNEXPECTED = (
        "relay_offer_unexpected",
        "A circuit was refused because this node has no reservation at the peer that brought it.",
    )
    RELAY_REPLY_INVALID = "relay_reply_invalid", "A relay's answer was malformed."
    RELAY_REQUEST_MALFORMED = (
        "relay_request_malformed",
        "A request to this relay was malformed, or did not come.",
    )
    RELAY_REQUEST_REFUSED = (
        "relay_request_refused",
        "This relay refused a request, by its limits or because the target has no reservation.",
    )
    RELAY_REQUESTS_OVER_LIMIT = (
        "relay_requests_over_limit",
        "A stream to this relay was reset because too many requests are open.",
    )
    # Hole punching
    HOLE_PUNCH_MALFORMED = (
        "hole_punch_malformed",
        "A message about a direct connection was malformed, or did not come.",
    )
    HOLE_PUNCH_UNEXPECTED = (
        "hole_punch_unexpected",
        "A direct connection was asked for out of turn, or not over a relayed one.",
    )
    HOLE_PUNCHES_OVER_LIMIT = (
        "hole_punches_over_limit",
        "No direct connection was tried because too many are being tried.",
    )
    # Reachability
    AUTONAT_REPLY_INVALID = "autonat_reply_invalid", "An answer of AutoNAT was malformed."
    AUTONAT_REQUEST_MALFORMED = (
        "autonat_request_malformed",
        "A request of AutoNAT was malformed, or did not come.",
    )
    AUTONAT_REQUEST_REFUSED = (
        "autonat_request_refused",
        "A peer was not dialled for AutoNAT, by its address or by a limit.",
    )
    AUTONAT_DIAL_BACK_UNKNOWN = (
        "autonat_dial_back_unknown",
        "A dial back of AutoNAT was malformed, or brought what nobody waits for.",
    )
    PROVIDERS_OVER_LIMIT = (
        "providers_over_limit",
        "The oldest record of who has a key was dropped because the DHT store is full.",
    )
    VALUES_OVER_LIMIT = (
        "values_over_limit",
        "The value put longest ago was dropped because the DHT store is full.",
    )
    # Yamux
    YAMUX_PROTOCOL = (
        "yamux_protocol",
        "A connection was ended because the peer broke the rules of yamux.",
    )
    YAMUX_STREAMS = "yamux_streams", "A stream was reset because the peer has too many open."
    QUIC_PROTOCOL = (
        "quic_protocol",
        "A datagram was malformed, or a QUIC connection was closed because its peer broke the "
        "protocol.",
    )
    QUIC_HANDSHAKES = (
        "quic_handshakes",
        "A QUIC connection was not begun because too many are being begun.",
    )
    QUIC_HANDSHAKES_PER_ADDRESS = (
        "quic_handshakes_per_address",
        "A QUIC connection was not begun because too many are being begun from one IPv4 address "
        "or one /56 of IPv6.",
    )
    QUIC_STREAMS = "quic_streams", "A stream over QUIC was reset because nobody takes it."
    # Streams and RPCs of pubsub
    CONTROL_ENTRIES_EXCESS = (
        "control_entries_excess",
        "Control entries beyond the bound of one RPC were ignored.",
    )
    HEARTBEAT_FAILED = "heartbeat_failed", "A heartbeat failed; the next one goes on."
    ACKNOWLEDGEMENTS_OVER_LIMIT = (
        "acknowledgements_over_limit",
        "A stored message was not acknowledged to its author, since too many were; "
        "the next comparison shows it.",
    )
    IHAVE_REFUSED = (
        "ihave_refused",
        "An announcement of messages was ignored: unknown topic, or too many a heartbeat.",
    )
    IWANT_OVER_BUDGET = (
        "iwant_over_budget",
        "A peer asked for more bytes than it is given in one heartbeat.",
    )
    MESSAGE_ID_TOO_LONG = (
        "message_id_too_long",
        "A message id in a control message was longer than any id can be.",
    )
    PEER_EXCHANGE_IGNORED = "peer_exchange_ignored", "Peers that came with a PRUNE were ignored."
    PEER_RECORD_REFUSED = (
        "peer_record_refused",
        "A signed peer record was malformed, of another peer or too large.",
    )
    PRUNE_TOPIC_UNKNOWN = "prune_topic_unknown", "A PRUNE named a topic that is not joined."
    PUBSUB_STREAM_FAILED = (
        "pubsub_stream_failed",
        "A pubsub stream failed in an unexpected way and was reset.",
    )
    PUBSUB_STREAMS_EXCESS = (
        "pubsub_streams_excess",
        "A peer opened more pubsub streams than it may have.",
    )
    RPC_LENGTH_MALFORMED = (
        "rpc_length_malformed",
        "The length before an RPC was no number; the stream was reset.",
    )
    RPC_MALFORMED = "rpc_malformed", "An RPC was not a protobuf message; the stream was reset."
    RPC_TOO_LARGE = (
        "rpc_too_large",
        "An RPC was larger than any peer may send; the stream was reset.",
    )
    STREAM_OF_FORGERIES = (
        "stream_of_forgeries",
        "A stream was reset because it brought too many forged messages.",
    )
    SUBSCRIPTION_TOPIC_TOO_LONG = (
        "subscription_topic_too_long",
        "A subscription named a topic longer than 256 bytes.",
    )
    SUBSCRIPTION_TOPICS_EXCESS = (
        "subscription_topics_excess",
        "A subscription was ignored because the peer has too many topics.",
    )
    SUBSCRIPTIONS_EXCESS = (
        "subscriptions_excess",
        "An RPC had too many subscriptions; the stream was reset.",
    )
    SUBSCRIPTIONS_FLOOD = (
        "subscriptions_flood",
        "A peer changed its subscriptions too often; the stream was reset.",
    )
    # Messages over pubsub
    AUTHOR_RATE = "author_rate", "An author sent more messages than its rate allows."
    MESSAGE_AUTHOR_MISSING = "message_author_missing", "A message named no author."
    MESSAGE_KEY_OF_ANOTHER = (
        "message_key_of_another",
        "A message carried a key that is not its author's.",
    )
    MESSAGE_KEY_TOO_LARGE = (
        "message_key_too_large",
        "A message carried a key larger than any key in use.",
    )
    MESSAGE_KEY_UNREADABLE = (
        "message_key_unreadable",
        "The key of a message's author could not be read.",
    )
    MESSAGE_MALFORMED = "message_malformed", "A message was not a protobuf message."
    MESSAGE_SEQNO_MALFORMED = "message_seqno_malformed", "A sequence number was not eight bytes."
    MESSAGE_SIGNATURE_MISSING = "message_signature_missing", "A message was not signed."
    MESSAGE_SIGNATURE_WRONG = "message_signature_wrong", "A signature did not match its message."
    MESSAGE_TOO_LARGE = "message_too_large", "A message was larger than 60,000 bytes."
    MESSAGE_TOPIC_COUNT = "message_topic_count", "A message named no topic, or several."
    MESSAGE_TOPIC_NOT_JOINED = (
        "message_topic_not_joined",
        "A message was of a room that is not joined.",
    )
    # Direct messages
    DIRECT_MALFORMED = (
        "direct_malformed",
        "A direct message, or a request that carries some, was malformed, too large or cut.",
    )
    DIRECT_OF_ANOTHER = (
        "direct_of_another",
        "A direct message was not of the peer that brought it, or not for this node.",
    )
    DIRECT_SIGNATURE_WRONG = (
        "direct_signature_wrong",
        "The signature of a direct message did not match, or its key is not the author's.",
    )
    DIRECT_STREAMS_OVER_LIMIT = (
        "direct_streams_over_limit",
        "A stream of direct messages was reset because too many are open.",
    )
    DIRECT_REQUESTS_OVER_LIMIT = (
        "direct_requests_over_limit",
        "A direct message of a peer never met was refused because too many wait for consent.",
    )
    DIRECT_REQUESTS_EVICTED = (
        "direct_requests_evicted",
        "A direct message that had waited for consent for a day made room for a newer one.",
    )
    DIRECT_RATE = "direct_rate", "A peer sent more direct messages than its rate allows."
    # What could not be sent to slow peers
    RELAY_QUEUE_FULL = (
        "relay_queue_full",
        "A message was not relayed to a peer whose queue is full; it is announced later.",
    )
    SEND_ANNOUNCEMENT_DROPPED = (
        "send_announcement_dropped",
        "An announcement did not fit into a peer's queue; its stream is opened anew.",
    )
    SEND_CONTROL_DROPPED = (
        "send_control_dropped",
        "A control message did not fit into a peer's queue.",
    )
    SEND_QUEUE_FULL = (
        "send_queue_full",
        "A message of this node did not fit into a peer's queue; it is announced later.",
    )
    # What could not be stored
    RECEIVER_FAILED = "receiver_failed", "Messages were not stored because of a fault of this node."
    OBSERVER_FAILED = (
        "observer_failed",
        "A change of a peer's rooms was lost by a fault of this node.",
    )
    SEEN_IDS_OVER_LIMIT = (
        "seen_ids_over_limit",
        "A message was forgotten to be seen because too many came after it.",
    )
    UNSTORED_OVER_LIMIT = (
        "unstored_over_limit",
        "A message that could not be stored was given up because too many came after it.",
    )
    MISSED_OVER_LIMIT = (
        "missed_over_limit",
        "A message that could not be stored was forgotten to be reported because too many came "
        "after it; a later copy is reported again.",
    )
    STORAGE_FAILED = "storage_failed", "Messages were not stored because the disk failed."
    STORAGE_FULL = (
        "storage_full",
        "Messages were not stored because the disk is full; they are asked for again.",
    )
    MESSAGE_NOT_APPENDED = (
        "message_not_appended",
        "A message was dropped because the log fails on it; a fault of this node.",
    )
    AUTHOR_BLOCKED = "author_blocked", "A message was refused because its author is blocked."
    VALIDATOR_REFUSED = "validator_refused", "A validator of this node refused a message."
    VALIDATOR_SILENT = (
        "validator_silent",
        "A message was not stored because a validator failed or did not answer in time.",
    )
    # Profiles
    PROFILE_AVATAR_REFUSED = (
        "profile_avatar_refused",
        "A peer's picture was too large, or neither PNG, JPEG nor WebP.",
    )
    PROFILE_EXPIRED = "profile_expired", "A peer's profile was good no more."
    PROFILE_MALFORMED = (
        "profile_malformed",
        "A peer's profile, or a request for ours, was malformed or broke the rules of one.",
    )
    PROFILE_OF_ANOTHER = "profile_of_another", "A profile was signed by another peer's key."
    PROFILE_OUTDATED = "profile_outdated", "A peer's profile was older than the known one."
    PROFILE_REQUESTS_OVER_LIMIT = (
        "profile_requests_over_limit",
        "A request for our profile was refused because the peer, or all of them, ask too often.",
    )
    PROFILE_SIGNATURE_WRONG = (
        "profile_signature_wrong",
        "The signature of a profile did not match it.",
    )
    PROFILE_TOO_LARGE = "profile_too_large", "A peer's profile was larger than 18,432 bytes."
    PROFILES_OVER_LIMIT = (
        "profiles_over_limit",
        "The profile that came longest ago was forgotten because too many are known.",
    )
    # Synchronisation
    SYNC_BOUND_MALFORMED = "sync_bound_malformed", "A range had a malformed bound."
    SYNC_BUSY = "sync_busy", "A session was refused because all slots are in use."
    SYNC_FAILED = "sync_failed", "A session failed in an unexpected way."
    SYNC_FINGERPRINT_MALFORMED = (
        "sync_fingerprint_malformed",
        "A range had a malformed fingerprint.",
    )
    SYNC_FRAME_EMPTY = "sync_frame_empty", "A frame had nothing in it."
    SYNC_FRAME_MALFORMED = "sync_frame_malformed", "A frame was not a protobuf message."
    SYNC_FRAME_TOO_LARGE = "sync_frame_too_large", "A frame was larger than its bound."
    SYNC_FRAME_UNEXPECTED = (
        "sync_frame_unexpected",
        "A frame came at a point where the protocol has no place for it.",
    )
    SYNC_ITEMS_MALFORMED = "sync_items_malformed", "A list of items was malformed or not in order."
    SYNC_LIMIT = "sync_limit", "A peer has used up its budget of sessions, bytes or time."
    SYNC_MADE_ROOM = "sync_made_room", "A session was ended because its slot was needed."
    SYNC_MESSAGE_AUTHOR_MISSING = "sync_message_author_missing", "A message named no author."
    SYNC_MESSAGE_KEY_OF_ANOTHER = (
        "sync_message_key_of_another",
        "A message carried a key that is not its author's.",
    )
    SYNC_MESSAGE_KEY_TOO_LARGE = (
        "sync_message_key_too_large",
        "A message carried a key larger than any key in use.",
    )
    SYNC_MESSAGE_KEY_UNREADABLE = (
        "sync_message_key_unreadable",
        "The key of a message's author could not be read.",
    )
    SYNC_MESSAGE_MALFORMED = "sync_message_malformed", "A message was not a protobuf message."
    SYNC_MESSAGE_NOT_DISPLACED = (
        "sync_message_not_displaced",
        "A message came in the wrong session, by the clock of this node.",
    )
    SYNC_MESSAGE_OF_ANOTHER_ROOM = (
        "sync_message_of_another_room",
        "A message was of another room than the session.",
    )
    SYNC_MESSAGE_SEQNO_MALFORMED = (
        "sync_message_seqno_malformed",
        "A sequence number was not eight bytes.",
    )
    SYNC_MESSAGE_SIGNATURE_MISSING = "sync_message_signature_missing", "A message was not signed."
    SYNC_MESSAGE_SIGNATURE_WRONG = (
        "sync_message_signature_wrong",
        "A signature did not match its message.",
    )
    SYNC_MESSAGE_TOO_LARGE = "sync_message_too_large", "A message was larger than 60,000 bytes."
    SYNC_MESSAGE_TOO_OLD = "sync_message_too_old", "A message was older than what this node stores."
    SYNC_MESSAGE_TOPIC_COUNT = "sync_message_topic_count", "A message named no topic, or several."
    SYNC_MESSAGE_UNWANTED = "sync_message_unwanted", "A message came that was not asked for."
    SYNC_NOTHING_GIVEN = (
        "sync_nothing_given",
        "A session ended early and brought nothing; the peer is left alone for a while.",
    )
    SYNC_RANGES_EXCESS = "sync_ranges_excess", "A frame had too many ranges."
    SYNC_RANGES_MALFORMED = (
        "sync_ranges_malformed",
        "Ranges overlapped or did not cover what they must.",
    )
    SYNC_TOO_MANY_BYTES = "sync_too_many_bytes", "A session moved more bytes than it may."
    SYNC_TOO_MANY_ROUNDS = "sync_too_many_rounds", "A session took more rounds than it may."
    SYNC_TOO_SLOW = "sync_too_slow", "A session was ended because the peer was too slow."
    SYNC_WANTED_COUNT = "sync_wanted_count", "A peer asked for more items than it may."


class Rejections:
    """Count what peers sent that was dropped."""

    def __init__(self) -> None:
        self._totals: Counter[RejectionReason] = Counter()

    def count(self, reason: RejectionReason, amount: int = 1) -> None:
        """Add ``amount`` dropped inputs to ``reason``."""
        self._totals[reason] += amount

    @property
    def totals(self) -> Mapping[RejectionReason, int]:
        """The dropped inputs by reason, since the process started."""
        return MappingProxyType(self._totals)


_FORGERIES = frozenset(
    (
        RejectionReason.MESSAGE_MALFORMED,
        RejectionReason.MESSAGE_KEY_UNREADABLE,
        RejectionReason.MESSAGE_KEY_OF_ANOTHER,
        RejectionReason.MESSAGE_SIGNATURE_MISSING,
        RejectionReason.MESSAGE_SIGNATURE_WRONG,
    )
)


class MessageRefusedError(Exception):
    """A message breaks a rule; ``reason`` is the name to count it by."""

    def __init__(self, reason: RejectionReason) -> None:
        super().__init__(reason)
        self.reason = reason

    @property
    def is_forgery(self) -> bool:
        """Whether no honest peer would have forwarded it."""
        return self.reason in _FORGERIES
