"""Parts of the server for Python code."""
