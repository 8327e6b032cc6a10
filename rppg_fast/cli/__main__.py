"""``python -m rppg_fast.cli``: the command line without the script ``rppg-fast``."""

import sys

from rppg_fast.cli import main

sys.exit(main())
