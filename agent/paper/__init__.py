"""Pages of text as PDF, for reports: written as they come, so that a thousand pages take no more memory than one.  Knows nobody above."""
