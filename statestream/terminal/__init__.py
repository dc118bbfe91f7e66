"""The terminal: a prompt with status line and completion, and script mode. A thin skin over the command table."""
