"""The command line: one file per verb, with its options, its help and its action."""
