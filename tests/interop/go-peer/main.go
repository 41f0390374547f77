// A go-libp2p chat peer for the tests: every line of its input is a message to
// the room, every message of the room is a line of its output.
//
//	go-peer -key ed25519|ecdsa|rsa|secp256k1 [-room NAME] [-relay none|limited|unlimited]
//	        [-behind ADDRESS] [-autonat] [ADDRESS…]
//
// With -relay it relays for others; with -behind it listens nowhere and is reached through
// the relay at that address; with -autonat it is public and dials whoever asks for it,
// of both versions of AutoNAT; with -check it asks others about its addresses (version 2).
//
// It dials the addresses given. Output lines are JSON objects with a "type":
// ready (id, addresses), joined (peer), message (author, forwarder, text),
// reachability (verdict), reachable (addresses, unreachable).
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"strings"
	"sync"

	"github.com/libp2p/go-libp2p"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	relayv2 "github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
)

var keyTypes = map[string]int{
	"ed25519":   crypto.Ed25519,
	"ecdsa":     crypto.ECDSA,
	"rsa":       crypto.RSA,
	"secp256k1": crypto.Secp256k1,
}

func main() {
	log.SetFlags(0)
	key := flag.String("key", "ed25519", "type of the identity key")
	room := flag.String("room", "chat-room", "room to join")
	relay := flag.String("relay", "none", "what it relays for others")
	behind := flag.String("behind", "", "address of the relay to be reached through")
	autonat := flag.Bool("autonat", false, "whether it dials peers that ask for it")
	check := flag.Bool("check", false, "whether it asks others about its addresses")
	listen := flag.String("listen", "/ip4/127.0.0.1/tcp/0", "addresses to listen on, by commas")
	punch := flag.Bool("punch", false, "whether it listens, and punches holes, behind a relay too")
	flag.Parse()
	options, err := reachOptions(*relay, *behind, *listen)
	if err != nil {
		log.Fatal(err)
	}
	if *autonat {
		options = append(options, libp2p.ForceReachabilityPublic(), libp2p.EnableNATService(), libp2p.EnableAutoNATv2())
	}
	if *check {
		options = append(options, libp2p.EnableAutoNATv2())
	}
	if *punch {
		options = append(options, libp2p.EnableHolePunching())
		if *behind != "" {
			options = append(options, libp2p.ListenAddrStrings(strings.Split(*listen, ",")...))
		}
	}
	if err := chat(context.Background(), *key, *room, *behind, options, flag.Args()); err != nil {
		log.Fatal(err)
	}
}

// chat joins the room and talks until the input ends.
func chat(ctx context.Context, keyType, room, behind string, options []libp2p.Option, addresses []string) error {
	key, _, err := crypto.GenerateKeyPair(keyTypes[keyType], 2048)
	if err != nil {
		return err
	}
	host, err := libp2p.New(append(options, libp2p.Identity(key))...)
	if err != nil {
		return err
	}
	defer host.Close()
	gossip, err := pubsub.NewGossipSub(ctx, host)
	if err != nil {
		return err
	}
	topic, err := gossip.Join(room)
	if err != nil {
		return err
	}
	arrivals, err := topic.EventHandler()
	if err != nil {
		return err
	}
	subscription, err := topic.Subscribe()
	if err != nil {
		return err
	}
	listening := []string{}
	if behind != "" {
		if err := reserve(ctx, host, behind); err != nil {
			return err
		}
		listening = append(listening, fmt.Sprintf("%s/p2p-circuit/p2p/%s", behind, host.ID()))
	}
	for _, address := range host.Addrs() {
		listening = append(listening, fmt.Sprintf("%s/p2p/%s", address, host.ID()))
	}
	tell(map[string]any{"type": "ready", "id": host.ID().String(), "addresses": listening})

	if err := tellReachability(host); err != nil {
		return err
	}
	if err := tellAddresses(host); err != nil {
		return err
	}
	go tellArrivals(ctx, arrivals)
	go tellMessages(ctx, subscription, host.ID())
	for _, address := range addresses {
		info, err := peer.AddrInfoFromString(address)
		if err != nil {
			return err
		}
		if err := host.Connect(ctx, *info); err != nil {
			return err
		}
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		// A copy: the scanner writes the next line over these bytes, and the
		// message may still wait to be sent.
		if err := topic.Publish(ctx, []byte(lines.Text())); err != nil {
			return err
		}
	}
	return lines.Err()
}

// reachOptions says where the peer listens and what it relays.
func reachOptions(relay, behind, listen string) ([]libp2p.Option, error) {
	options := []libp2p.Option{libp2p.ListenAddrStrings(strings.Split(listen, ",")...)}
	if behind != "" {
		options = []libp2p.Option{libp2p.NoListenAddrs, libp2p.EnableRelay()}
	}
	switch relay {
	case "none":
		return options, nil
	case "limited":
		return append(options, libp2p.ForceReachabilityPublic(), libp2p.EnableRelayService()), nil
	case "unlimited":
		service := libp2p.EnableRelayService(relayv2.WithInfiniteLimits())
		return append(options, libp2p.ForceReachabilityPublic(), service), nil
	}
	return nil, fmt.Errorf("a relay is limited or unlimited, not %q", relay)
}

// reserve has a relay accept connections for this peer.
func reserve(ctx context.Context, host host.Host, relay string) error {
	info, err := peer.AddrInfoFromString(relay)
	if err != nil {
		return err
	}
	if err := host.Connect(ctx, *info); err != nil {
		return err
	}
	_, err = client.Reserve(ctx, host, *info)
	return err
}

// tellArrivals tells of each peer that comes into the room.
func tellArrivals(ctx context.Context, arrivals *pubsub.TopicEventHandler) {
	for {
		event, err := arrivals.NextPeerEvent(ctx)
		if err != nil {
			return
		}
		if event.Type == pubsub.PeerJoin {
			tell(map[string]any{"type": "joined", "peer": event.Peer.String()})
		}
	}
}

// tellReachability tells each verdict on whether the internet reaches this peer.
func tellReachability(host host.Host) error {
	changes, err := host.EventBus().Subscribe(new(event.EvtLocalReachabilityChanged))
	if err != nil {
		return err
	}
	go func() {
		for change := range changes.Out() {
			verdict := change.(event.EvtLocalReachabilityChanged).Reachability
			tell(map[string]any{"type": "reachability", "verdict": verdict.String()})
		}
	}()
	return nil
}

// tellAddresses tells which addresses others were found to reach, and which not.
func tellAddresses(host host.Host) error {
	changes, err := host.EventBus().Subscribe(new(event.EvtHostReachableAddrsChanged))
	if err != nil {
		return err
	}
	go func() {
		for change := range changes.Out() {
			found := change.(event.EvtHostReachableAddrsChanged)
			tell(map[string]any{"type": "reachable", "addresses": found.Reachable, "unreachable": found.Unreachable})
		}
	}()
	return nil
}

// tellMessages tells of each message that is not this peer's own.
func tellMessages(ctx context.Context, subscription *pubsub.Subscription, self peer.ID) {
	for {
		message, err := subscription.Next(ctx)
		if err != nil {
			return
		}
		if author := message.GetFrom(); author != self {
			tell(map[string]any{
				"type":      "message",
				"author":    author.String(),
				"forwarder": message.ReceivedFrom.String(),
				"text":      string(message.Data),
			})
		}
	}
}

var output sync.Mutex

// tell writes one line of output.
func tell(line map[string]any) {
	output.Lock()
	defer output.Unlock()
	if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
		log.Fatal(err)
	}
}
