"""hexgate in front of a real engine: llama.cpp with a tiny model of random weights."""
