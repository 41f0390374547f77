"""Composition: the parts of a node, nested by lifetime; settings, metrics and logs."""
