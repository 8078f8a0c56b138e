"""How well facets hear: tasks on renders and recordings, for any encoder."""
