"""From a file and the environment to Settings."""
