"""The use cases of the node: publish, join, read, dial, each with one owner."""
