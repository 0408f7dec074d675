"""Starts a worker. Any version of Python can read this file, so one that is too old reports that instead of a syntax error."""

import sys

if sys.version_info < (3, 9):
    sys.stderr.write("Python %d.%d is too old: 3.9 or newer is needed\n" % sys.version_info[:2])
    sys.exit(69)

if __name__ == "__main__":
    from mxcp_worker.main import main

    main()
else:
    # `multiprocessing` runs the main file under another name in its processes, before they import files of the project.
    # They must not write `__pycache__` beside these files.
    sys.dont_write_bytecode = True
