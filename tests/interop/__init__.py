"""Programs of other makers and languages, against real nodes."""
