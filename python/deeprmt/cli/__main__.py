"""`python -m deeprmt.cli` is the command `deeprmt`."""

import sys

from . import main

if __name__ == "__main__":
    sys.exit(main())
