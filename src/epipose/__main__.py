"""`python -m epipose`."""

import sys

from epipose.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
