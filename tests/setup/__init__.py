"""What ``make`` needs for the tests, and tests of what ``make`` runs."""
