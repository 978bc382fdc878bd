"""Model vendors: a dialect (pure translation) over a transport (I/O and credentials)."""
