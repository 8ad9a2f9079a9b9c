"""`python -m core`: the dashboard's numbers on the command line."""

import sys

from core.cli import main

sys.exit(main())
