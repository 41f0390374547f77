"""What every test can ask for: see ``tests.driver.fixtures``."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# A generator that is slow on a busy machine says nothing about what is tested.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

# Everything that tests talk to is on this machine.
for name in ("http_proxy", "https_proxy", "grpc_proxy", "all_proxy"):
    os.environ.pop(name, None)
    os.environ.pop(name.upper(), None)

pytest_plugins = ["tests.driver.fixtures"]
