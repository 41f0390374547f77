"""The events as browsers see them, and each browser's way through them; pure.

events    the JSON of an event
log       the shared log of the newest events, read from a place per browser
follower  one reader: replaying from a cursor, or following the log at a place
view      the present state of the node, folded from events
"""
