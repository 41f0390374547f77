"""The events as browsers see them, and each browser's way through them; pure.

events    the JSON of an event
log       a log of events, read from a place per browser: the channel is the newest ones
backlog   pieces of the node's log before the channel, shared by those who replay them
follower  one reader: replaying backlogs, or following the channel at a place
view      the present state of the node, folded from events
"""
