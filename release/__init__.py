"""What `.github/workflows/release.yml` and `make release-check` run: no part of the package."""
