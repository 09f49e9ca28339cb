"""Training: samples, augmentation, the loop, and the refiner's training. Import from the submodules."""
