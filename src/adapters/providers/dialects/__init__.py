"""Wire formats: pure translation, one package or file per format; no I/O, no clock."""
