"""One test a correction of py-libp2p: it fails on the stock library and passes on ours."""
