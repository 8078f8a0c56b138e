"""``python -m soundalike`` is the same as ``soundalike``."""

import sys

from soundalike.cli import main

if __name__ == "__main__":
    sys.exit(main())
