"""CMS SignedData as bytes: what documents, statements and checkpoints are signed with."""
