"""Circuit relay v2: reaching peers through a relay, being reached through one, being one.

``dialling`` opens a circuit, ``accepting`` takes one, ``reservations`` and ``holder`` hold
this node's reservations at relays, ``server`` and ``service`` are this
node as a relay. The rules of the protocol, which know no stream, are in
``messages`` and ``addresses``.

Source: libp2p specs, relay/circuit-v2.md.
"""
