"""What every test can ask for: see ``tests.driver.fixtures``."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# A generator that is slow on a busy machine says nothing about what is tested.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

pytest_plugins = ["tests.driver.fixtures"]
