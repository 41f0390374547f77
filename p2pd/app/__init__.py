"""The program: what the node does with messages, and how its parts are put together."""
