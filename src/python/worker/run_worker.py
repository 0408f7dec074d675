"""Starts a worker. Any Python can read this file, so that one that is too old says so in words."""

import sys

if sys.version_info < (3, 9):
    sys.stderr.write("Python %d.%d is too old: 3.9 or newer is needed\n" % sys.version_info[:2])
    sys.exit(69)

if __name__ == "__main__":
    from mxcp_worker.main import main

    main()
else:
    # A process of `multiprocessing`, which runs the main file under another name before it imports files of the project.
    # It must not leave `__pycache__` beside them.
    sys.dont_write_bytecode = True
