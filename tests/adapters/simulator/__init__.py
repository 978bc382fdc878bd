"""The simulator, judged by the official SDKs and by raw sockets."""
