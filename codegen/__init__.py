"""What the build derives from ``proto/chat.proto``: how its messages look as JSON.

``shapes`` reads the proto; ``python_json`` writes the translation that the gateway
runs, ``models`` the pydantic models of its OpenAPI document, ``asyncapi`` the
generated parts of ``docs/asyncapi.yaml``. A field of a message is thereby written
in the proto and where it is used, and nowhere else.
"""
