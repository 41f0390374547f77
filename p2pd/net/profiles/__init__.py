"""Profiles on the wire: signed records, and the protocol by which peers exchange them.

``record`` seals and opens; ``exchange`` serves and asks. What is known of whom is owned by
``p2pd.chat.profiles``.
"""
