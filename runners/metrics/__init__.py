"""What is measured of trained SAEs: agreement between seeds, reconstruction."""
