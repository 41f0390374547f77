"""Direct connections through routers: hole punching (DCUtR), and moving to what it opens.

``exchange`` has the rules of both roles and ``addresses`` those of what is sent and
dialled, both pure; ``attempt`` dials, ``service`` runs them over relayed connections,
``handover`` moves the conversation. ``outcomes`` holds what became of it.

Source: libp2p specs, relay/DCUtR.md.
"""
