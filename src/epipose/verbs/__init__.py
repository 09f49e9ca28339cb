"""What the verbs of the command line do with their options and what they print; the work is in modules of their names."""
