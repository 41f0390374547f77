"""Keep the garbage collector from walking through what was loaded at the start.

Called by both services once their modules are imported. Modules make up nearly all
that a service holds, and none of it ever becomes garbage; looking through it held a
node up for 69 ms at each full collection, and a gateway for 39 ms.
"""

from __future__ import annotations

import gc


def freeze_loaded() -> None:
    """Leave everything that lives now out of all collections to come."""
    gc.collect()
    gc.freeze()
