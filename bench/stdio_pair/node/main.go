// The node of the older design, as a peer for the benchmark: GossipSub of go-libp2p
// with its default settings, JSON lines over standard input and output.
//
//	stdio-node [ADDRESS…]
//
// It dials the addresses given. Input lines are {"type":"publish","text":…}. Output
// lines are {"type":"ready","id","pid","addresses"}, {"type":"joined","peer"} and, for
// each message of the room, its own included,
// {"type":"message","author","text","receive_time_ns"}.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
)

const (
	room         = "chat-room"
	maxLineBytes = 1 << 20
)

type line struct {
	Type          string   `json:"type"`
	ID            string   `json:"id,omitempty"`
	Pid           int      `json:"pid,omitempty"`
	Addresses     []string `json:"addresses,omitempty"`
	Peer          string   `json:"peer,omitempty"`
	Author        string   `json:"author,omitempty"`
	Text          string   `json:"text,omitempty"`
	ReceiveTimeNs int64    `json:"receive_time_ns,omitempty"`
}

func main() {
	log.SetFlags(0)
	if err := chat(context.Background(), os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

// chat joins the room and talks until the input ends.
func chat(ctx context.Context, addresses []string) error {
	host, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"))
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
	emit(readyLine(host))
	go emitArrivals(ctx, arrivals)
	go emitMessages(ctx, subscription)
	if err := dial(ctx, host, addresses); err != nil {
		return err
	}
	return publishInput(ctx, topic)
}

func readyLine(host host.Host) line {
	ready := line{Type: "ready", ID: host.ID().String(), Pid: os.Getpid()}
	for _, address := range host.Addrs() {
		ready.Addresses = append(ready.Addresses, fmt.Sprintf("%s/p2p/%s", address, host.ID()))
	}
	return ready
}

func dial(ctx context.Context, host host.Host, addresses []string) error {
	for _, address := range addresses {
		info, err := peer.AddrInfoFromString(address)
		if err != nil {
			return err
		}
		if err := host.Connect(ctx, *info); err != nil {
			return err
		}
	}
	return nil
}

func publishInput(ctx context.Context, topic *pubsub.Topic) error {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, maxLineBytes)
	for lines.Scan() {
		var asked line
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			return err
		}
		if err := topic.Publish(ctx, []byte(asked.Text)); err != nil {
			return err
		}
	}
	return lines.Err()
}

func emitArrivals(ctx context.Context, arrivals *pubsub.TopicEventHandler) {
	for {
		event, err := arrivals.NextPeerEvent(ctx)
		if err != nil {
			return
		}
		if event.Type == pubsub.PeerJoin {
			emit(line{Type: "joined", Peer: event.Peer.String()})
		}
	}
}

func emitMessages(ctx context.Context, subscription *pubsub.Subscription) {
	for {
		message, err := subscription.Next(ctx)
		if err != nil {
			return
		}
		emit(line{
			Type:          "message",
			Author:        message.GetFrom().String(),
			Text:          string(message.Data),
			ReceiveTimeNs: time.Now().UnixNano(),
		})
	}
}

var output sync.Mutex

func emit(line line) {
	output.Lock()
	defer output.Unlock()
	if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
		log.Fatal(err)
	}
}
