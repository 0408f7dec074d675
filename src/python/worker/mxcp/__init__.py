"""What Python code of a project imports from the server."""
