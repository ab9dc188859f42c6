"""What is plugged in: modules, tokens, their certificates; and the way from a person's PIN to an open session."""
