"""The wire of Cohere's API, version 2 for answers and vectors, 1 for the rest."""
