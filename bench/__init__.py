"""What is measured, each thing beside a peer in the same run: ``python -m bench``.

__main__      the command: runs, prints the table, writes build/bench.json
rows          the table: what is compared with what, and its target
lines         what the rows say once they are measured; results keeps runs as files
report        docs/figures.md from the results: page writes, plots draws, topics explains
machine       on what and of what was measured
subjects      everything that can be measured, by name
sizes         how much of everything
measure       rounds of several subjects interleaved, medians, percentiles
libp2p_layer  two nodes on the libp2p layer alone, ours or stock; libp2p_peer is one of them
api           two nodes through their gRPC APIs
pages         two pages on two gateways on two nodes; web_socket is one of them
fan_out       a thousand browsers on one gateway, or on a server of the ws library
audience      those browsers
callers       32 programs that publish at once
overload      more publishes than a node can do; open_loop offers them
synchronising two nodes that find out what one lacks
kept          a node with a full store, or an empty one; filled fills stores
storm         browsers that come back all at once; returning is these browsers
way           the whole way one message at a time; stdio_pair is the older design beside it
twenty        twenty nodes in one room, idle and at two rates
services      nodes and gateways with their rate limits out of the way
"""
