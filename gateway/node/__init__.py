"""The one connection to the node; the only importer of grpc and of the generated code.

link         the channel to the node, whether it is heard, and how calls are made
upstream     the one stream of events for all browsers, resumed for ever
publisher    all publishes over one stream, answered in order
commands     everything else, a call each
translation  protobuf to JSON fields, gRPC errors to refusals
"""
