"""How the embedded encoder's weights are made, from nothing, by one command."""
