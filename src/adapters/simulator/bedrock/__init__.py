"""Amazon Bedrock: the Converse API, embeddings and listings."""
