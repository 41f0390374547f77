"""What the topics are called on ``docs/figures.md``, in order, and how they were measured.

A topic that is not here is shown as well, behind the others and without a note.
"""

from __future__ import annotations

from collections.abc import Mapping

TITLES: Mapping[str, str] = {
    "libp2p": "The libp2p layer alone",
    "dial": "From the dial to the first word",
    "way": "The whole way, one message at a time",
    "pages": "From page to page",
    "api": "From gRPC to gRPC",
    "direct": "Direct messages",
    "twenty": "Twenty nodes",
    "transports": "QUIC and WebSocket",
    "relay": "Over a relay",
    "fan-out": "One gateway, many browsers",
    "gateways": "Many gateways at one node",
    "storm": "Browsers that come back all at once",
    "overload": "More than can be done",
    "disk": "Durable before it is acknowledged",
    "sync": "Synchronisation",
    "store": "A full store",
    "search": "Search",
    "paint": "Opening the page",
    "memory": "Memory",
}

NOTES: Mapping[str, str] = {
    "libp2p": """
One node per process, messages of 100 bytes, noise and yamux over TCP on loopback, every
signature checked, nothing lost: each implementation has queues that drop no messages.
Ours is the node without its API, its store and its gateway. *Eight publishers* are eight
tasks of one node that publish at once. *Five nodes* are all connected with each other; one
publishes, and the rate is that at which the last of the others has everything. Processor
time is that of all nodes together per message, which includes what a node does beside (at
100/s more than in a burst). Stock is py-libp2p 0.8.1.
""",
    "dial": """
Two nodes that have just started, on the libp2p layer alone. One dials and says a word every
5 ms from then on; what counts is when the other one gets the first.
""",
    "way": """
Page to page over two nodes and two gateways, one message at a time at three rates, then
2,000 at once, beside a Go node (go-libp2p, GossipSub) and a Rust gateway (one task and
one broadcast receiver per browser) that speak JSON lines over standard input and output.
That pair neither stores nor acknowledges, and loses what comes too fast. The run builds
it, which needs Go and Cargo. Processor time is counted by process; that of the two pages
is not.
""",
    "pages": """
Two nodes, two gateways, one WebSocket client at each; the lines that begin with … are
the hops of the same messages.
""",
    "api": """
PublishStream at one node, Events at the other.
""",
    "direct": """
SendDirect and Publish at one node in turn, 50 a second in all, Events at the other; both
nodes store on disk. Processor time is that of as many calls of one kind, one after the
other.
""",
    "twenty": """
Twenty nodes in one room on one machine, each connected with all of the others, over TCP;
they are forked off one process that has made the imports. They have 80 s to settle, by
when they look for peers and relays only once in minutes, and then nothing to do for 20 s.
Then messages of 100 bytes are published through gRPC, a node after the other, each call
when it is due whether or not those before have ended, and the `Events` of all twenty are
read meanwhile by the one process that also publishes. *Everywhere* is when the last node
has reported a message. Processor time is that of all nodes, their idle time included, per
message and node. [Where the time goes](where-time-goes.md) has the profile.
""",
    "transports": """
Two nodes over QUIC beside two over TCP, and a node that idles with every transport
beside one with TCP alone.
""",
    "relay": """
The way from gRPC to gRPC between two nodes that only dial, over a third that relays,
beside two that are connected directly.
""",
    "fan-out": """
One gateway, the Rust gateway of the older design or one broadcast server with the library
`ws` on Node, each on one core; 1,000 WebSocket clients, the same client program for all.
""",
    "gateways": """
10,000 WebSocket clients of one process, dealt out to 1, 2 and 4 gateways of one node, on
one machine with all of them: what a delivery costs does not depend on the number of
gateways, and what two cores deliver does. [Scaling](scaling.md) reckons with it.
""",
    "storm": """
A gateway just started, 2,000 WebSocket clients in one process, 100 different cursors,
every frame looked at; five times a round, each with a new node. Somebody else publishes
100 a second at the node, for 2 s before and then until all browsers are served, by calls
that begin when they are due whether or not those before have ended. The p99 is that of
all five.
""",
    "overload": """
One node alone and a generator in Go that offers publishes at a rate whatever is answered:
as calls, or over PublishStreams, to which it gives only what they have room for. A latency
begins when its publish was due. gRPC's client holds 64 KiB of a stream before its caller
feels that it is not read. The first half of the time again at each rate is not
counted: a burst is served to its end. *Sustained* is the highest rate tried of which
nothing was refused or held. Generator and node share the processors.
""",
    "disk": """
One node alone with 32 unary callers, each a call after the other; two pages on two
nodes as above. The baseline is the same with `P2PD_STORE=memory`.
""",
    "sync": """
Two nodes meet, one without some of the messages; the bytes that one of them counts, both
ways, over the size of the signed messages. Which of the two initiates decides whether it
asks for the messages or is given them unasked: about 1.2 or 1.0.
""",
    "store": """
The quickest of three starts each time, the newest page over gRPC. A page of 100 messages
costs what it holds, so it is compared with a store that has nothing else; the empty page
is an empty answer.
""",
    "search": """
SearchMessages in turn at two nodes, one of which has 1,000,000 messages of 100 bytes of
English (the help topics of Python) in its store and in its index. The rare word is in ten
of them and each of its trigrams in very many. The other node's store is empty first, then
holds the ten that are found.
""",
    "paint": """
Chromium, headless, one node and one gateway on the same two processors, 100 messages in the
room. The first time nothing is cached; then the same page is loaded again. Bytes are those
that Chromium counts, headers included, without the WebSocket and without the service
worker, which is off here.
""",
    "memory": """
Resident, of processes that have nothing to do; of a connection, the difference between
none and 1,000.
""",
}
