"""The wires of Gemini: the Developer API and Vertex AI."""
