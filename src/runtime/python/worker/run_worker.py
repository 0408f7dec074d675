"""Starts a worker. Any Python can read this file, so that one that is too old says so in words."""

import sys

if sys.version_info < (3, 9):
    sys.stderr.write("Python %d.%d is too old: 3.9 or newer is needed\n" % sys.version_info[:2])
    sys.exit(69)

from mxcp_worker.main import main  # noqa: E402

main()
