"""`make bench`: Paddock and its peers measured side by side, on one core, in interleaved rounds."""
