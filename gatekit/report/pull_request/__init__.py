"""The verdict on a pull request, one module per format."""
