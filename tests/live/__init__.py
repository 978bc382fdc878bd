"""Real providers, asked with real keys; never run unless `-m live` is given."""
