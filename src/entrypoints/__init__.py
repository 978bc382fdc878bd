"""The edge: configuration, composition, the gRPC server and the command line."""
