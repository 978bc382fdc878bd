"""The gRPC edge: the only place that knows protobuf, with the Python client."""
