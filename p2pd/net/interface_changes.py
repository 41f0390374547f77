"""Whether the kernel has reported a change of this machine's links or addresses.

Owned by ``interfaces``, which reads them anew only then: reading takes half a
millisecond, asking here a hundredth of that. Where no socket of the kernel's can be
opened, every answer is that something may have changed.

Source: rtnetlink(7).
"""

from __future__ import annotations

import socket

RECEIVE_BYTES = 65_536
#: Links, IPv4 and IPv6 addresses; an IPv6 address that ceases to be tentative is among them.
GROUPS = 0x1 | 0x10 | 0x100


class InterfaceChanges:
    """What was reported since the last question.

    Args:
        reports: A socket that a datagram comes to for each change; None where there is none.
    """

    def __init__(self, reports: socket.socket | None) -> None:
        self._reports = reports

    def may_have_changed(self) -> bool:
        """Return whether something may have changed since the last call."""
        if self._reports is None:
            return True
        has_changed = False
        try:
            while self._reports.recv(RECEIVE_BYTES):
                has_changed = True
        except BlockingIOError:
            return has_changed
        # Reports were lost, as where too many came at once.
        except OSError:
            return True
        return True


def open_changes() -> InterfaceChanges:
    """Listen to the kernel, where it reports changes."""
    if not hasattr(socket, "AF_NETLINK"):
        return InterfaceChanges(None)
    try:
        reports = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    except OSError:
        return InterfaceChanges(None)
    try:
        reports.setblocking(False)
        reports.bind((0, GROUPS))
    except OSError:
        reports.close()
        return InterfaceChanges(None)
    return InterfaceChanges(reports)
