"""The only door into the agent: wire types, error codes and their sentences, the home, the client."""
