"""The protocol of one browser, without I/O.

events     what a browser asked for, as frozen facts that check themselves
machine    the state machine: frames in, events out
allowance  the bytes its commands may hold
limits     the numbers it is held to
"""

from __future__ import annotations

from gateway.browser.allowance import Allowance
from gateway.browser.events import (
    AcceptInviteAsked,
    Action,
    Call,
    Close,
    Command,
    ConnectAsked,
    CreateInviteAsked,
    Event,
    Greeted,
    HistoryAsked,
    JoinAsked,
    LeaveAsked,
    PublishAsked,
    Refused,
)
from gateway.browser.limits import Limits
from gateway.browser.machine import Connection
from gateway.browser.reading_frames import (
    ConversationsAsked,
    ForgetRoomAsked,
    MessageAsked,
    ReadingCall,
    ReadMarkerAsked,
    SearchAsked,
)

__all__ = [
    "AcceptInviteAsked",
    "Action",
    "Allowance",
    "Call",
    "Close",
    "Command",
    "ConnectAsked",
    "Connection",
    "ConversationsAsked",
    "CreateInviteAsked",
    "Event",
    "ForgetRoomAsked",
    "Greeted",
    "HistoryAsked",
    "JoinAsked",
    "LeaveAsked",
    "Limits",
    "MessageAsked",
    "PublishAsked",
    "ReadMarkerAsked",
    "ReadingCall",
    "Refused",
    "SearchAsked",
]
