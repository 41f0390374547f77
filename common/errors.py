"""What can go wrong in what both services share."""

from __future__ import annotations


class SettingsError(Exception):
    """A setting breaks its rules; the message is one line that names it.

    The program prints it and ends with exit code 2.
    """
