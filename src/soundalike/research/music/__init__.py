"""What is played: melodies, harmonies and grooves from seeds or MIDI files, and players who perform them."""
