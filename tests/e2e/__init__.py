"""The page in a real browser, in front of real gateways and nodes."""
