"""HTTP on a Unix socket, peers, prompts, jobs and events.  No domain words: capabilities bring their own routes."""
