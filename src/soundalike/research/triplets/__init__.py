"""Factor-controlled triplets: where they come from, how they are kept, split and embedded."""
