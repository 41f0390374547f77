"""Whether others can dial this node, at which addresses, and how that is known.

``service`` joins the parts: ``observed`` counts what peers see, ``prober`` asks them to
dial (AutoNAT), ``verdict`` judges, ``server`` answers those who ask this node.
"""
