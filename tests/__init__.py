"""The tests; ``tests.driver`` starts what most of them need."""
