"""One worker process of the server. Private: projects import `mxcp`."""
