"""From images and labels to training samples: crops, augmentation, samples. Import from the submodules."""
