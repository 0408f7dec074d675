"""The part of the server that Python code may use."""
