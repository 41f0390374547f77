"""The gRPC API: one server in a thread of its own, in front of a ``Chat``.

``server.open_api`` is the only way in. Requests are checked and translated
here, cross to trio through ``bridge``, and come back as frozen facts; errors
become a ``google.rpc.Status`` in ``status_from_error`` and nowhere else.
"""
