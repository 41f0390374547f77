"""A session as a machine without input or output: bytes, answers and the time come in.

``p2pd.sync.session_runner`` does what its effects name, one at a time. The rules of
both roles are generators (``initiator``, ``responder``) that yield what they need next;
``machine`` frames them, bounds them, and says when they have been too slow.
"""
