"""Use cases, and the policies that every call to a provider passes."""
