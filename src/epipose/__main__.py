"""`python -m epipose`."""

import sys

from epipose.cli.entry import main

if __name__ == "__main__":
    sys.exit(main())
