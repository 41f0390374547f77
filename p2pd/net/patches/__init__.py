"""Patches of py-libp2p: one module a defect; README.md lists them all."""
