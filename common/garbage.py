"""Keep the garbage collector out of the way of messages.

Called by both services once their modules are imported. Modules make up nearly all
that a service holds, and none of it ever becomes garbage; looking through it held a
node up for 69 ms at each full collection, and a gateway for 39 ms. Of what a call or a
message allocates nearly all is gone by reference counting: with Python's own threshold
of 700 objects, a node that refused calls spent an eighth of its time on collections.
"""

from __future__ import annotations

import gc

YOUNG_OBJECTS = 5_000
"""New objects that are alive before they are looked at: well below a millisecond."""


def freeze_loaded() -> None:
    """Leave everything that lives now out of all collections to come, and have fewer."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])
