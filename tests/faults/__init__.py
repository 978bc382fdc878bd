"""What goes wrong between the gateway and its providers, and what its callers then see."""
