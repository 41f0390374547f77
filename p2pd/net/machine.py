"""The machine as the network uses it: its interfaces, its clocks, its sockets.

Part of ``NetworkOptions``. A simulation gives another one, with a network in memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from libp2p.abc import ITransport

from p2pd.net.connections.interruptions import MachineView


@dataclass(frozen=True, slots=True)
class NetworkMachine:
    """What the network has of the machine.

    Attributes:
        view: Where interruptions and the addresses of the machine are seen.
        transports: What carries connections in place of the machine's sockets.
    """

    view: MachineView = field(default_factory=MachineView)
    transports: tuple[ITransport, ...] = ()
