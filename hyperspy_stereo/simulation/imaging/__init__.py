"""The microscope: from a specimen to recorded views and 4D stacks, with their truth."""
