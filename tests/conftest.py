"""What every test can ask for: see ``tests.driver.fixtures``."""

from __future__ import annotations

pytest_plugins = ["tests.driver.fixtures"]
