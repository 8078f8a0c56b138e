"""Training of factor heads on the embeddings of a frozen encoder."""
