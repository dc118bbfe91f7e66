"""`python -m statestream FILE`."""

import sys

from statestream.core import main

if __name__ == "__main__":
    sys.exit(main())
