"""Who may use which key for what: pure decisions, no I/O."""
