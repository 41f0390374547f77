"""The log: what this node knows, in order, and everybody who reads it.

Messages are appended; readers go on from a cursor of their own. There is no
queue a reader, so nobody slow can overflow anything or hold the writer up.
"""
