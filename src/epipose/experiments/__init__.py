"""The paper's experiments, each as one command: epipose bench labels, self, collapse, cameras."""
