"""A certification authority of one's own on a token, for practice and internal use; requests and certificates for all others."""
