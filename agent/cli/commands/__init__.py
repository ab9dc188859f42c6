"""One module per command group, imported when its command is called."""
