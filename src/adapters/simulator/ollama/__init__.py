"""The wire of Ollama's chat endpoint."""
