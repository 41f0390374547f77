"""The store: the only SQL of the node, and its twin in memory.

``message_store`` is what both offer to the log; ``sqlite_store`` is the one on
disk, ``memory_store`` the one that forgets.
"""
