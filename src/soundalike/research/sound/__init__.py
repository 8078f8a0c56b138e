"""How it sounds: instruments, drum kits, SoundFonts, rooms and mastering."""
