"""Signing a document: snapshot, CMS, appearance, staging, check and publication.  Knows no PIN and no token."""
