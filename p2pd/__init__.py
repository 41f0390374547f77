"""The node: a libp2p host that joins chat rooms and offers them over gRPC.

The way of a message: ``net`` verifies it, ``log`` stores it, ``api`` streams it;
``domain`` says what it is and ``app`` puts the parts together.
"""

__version__ = "0.1.0"
