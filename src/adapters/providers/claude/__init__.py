"""What the families of Claude models accept, whoever serves them."""
