"""Read frames of circuit relay v2 from a stream; ``net.streams.framed`` writes them.

Used by whatever asks a relay, is asked by one, or is one; hole punching has the same frames.
"""

from __future__ import annotations

from libp2p.abc import INetStream

from p2pd.net.relay.messages import MAX_FRAME_BYTES, M, malformed, message_from_bytes
from p2pd.net.streams.framed import FrameTooLongError, read_frame


async def read_message(stream: INetStream, kind: type[M]) -> M:
    """Read one frame and nothing beyond it.

    Raises:
        RelayError: It is malformed, or longer than 4 KiB.
        StreamError: The stream ended.
    """
    try:
        frame = await read_frame(stream, MAX_FRAME_BYTES)
    except FrameTooLongError:
        raise malformed("a frame is too long") from None
    return message_from_bytes(kind, frame)
