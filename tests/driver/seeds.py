"""Seeds of tests that choose by chance: printed when a test fails, and given back by hand."""

from __future__ import annotations

import os
import random

VARIABLE = "TEST_SEED"


def chosen_seed() -> int:
    """Return the seed in ``TEST_SEED``, else one by chance; a failing test shows which."""
    given = os.environ.get(VARIABLE)
    seed = int(given) if given else random.randrange(1 << 32)
    print(f"{VARIABLE}={seed}")
    return seed
