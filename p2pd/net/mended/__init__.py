"""py-libp2p put right: one module a defect or a layer; README.md lists them."""
