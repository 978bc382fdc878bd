"""Values and rules: standard library only; nothing here awaits or reads a clock."""
