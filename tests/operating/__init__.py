"""The examples of ``docs/operating.md``, run as they stand."""
