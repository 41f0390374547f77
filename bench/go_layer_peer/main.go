// One go-libp2p node of bench/libp2p_layer.py: what bench/libp2p_peer.py is for py-libp2p.
//
// It writes [address, pid], takes commands on standard input and answers on standard
// output, each a line of JSON. Times are of the system's monotonic clock, the same in
// every process. Queues are so large that nothing is dropped; the secure channel is
// noise, which is what go-libp2p speaks with py-libp2p.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	"golang.org/x/sys/unix"
)

const (
	room        = "bench"
	queueLength = 1 << 20
	sizeBytes   = 100
	stampBytes  = 20
	look        = time.Millisecond
)

func main() {
	log.SetFlags(0)
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	host, err := libp2p.New(
		libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"),
		libp2p.Security(noise.ID, noise.New),
	)
	if err != nil {
		return err
	}
	defer host.Close()
	grafted := &mesh{peers: map[peer.ID]bool{}}
	gossip, err := pubsub.NewGossipSub(ctx, host,
		pubsub.WithPeerOutboundQueueSize(queueLength),
		pubsub.WithValidateQueueSize(queueLength),
		pubsub.WithRawTracer(grafted),
	)
	if err != nil {
		return err
	}
	topic, err := gossip.Join(room)
	if err != nil {
		return err
	}
	subscription, err := topic.Subscribe(pubsub.WithBufferSize(queueLength))
	if err != nil {
		return err
	}
	came := &arrivals{}
	go came.collect(ctx, subscription, host.ID())
	answer([]any{fmt.Sprintf("%s/p2p/%s", host.Addrs()[0], host.ID()), os.Getpid()})
	node := &node{host: host, topic: topic, grafted: grafted, came: came}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var command []json.RawMessage
		if err := json.Unmarshal(lines.Bytes(), &command); err != nil {
			return err
		}
		if err := node.obey(ctx, command); err != nil {
			return err
		}
	}
	return lines.Err()
}

type node struct {
	host    host.Host
	topic   *pubsub.Topic
	grafted *mesh
	came    *arrivals
}

func (n *node) obey(ctx context.Context, command []json.RawMessage) error {
	var name, address string
	var count, publishers int
	var number float64
	if err := json.Unmarshal(command[0], &name); err != nil {
		return err
	}
	switch name {
	case "connect":
		if err := read(command, &address); err != nil {
			return err
		}
		id, err := n.dial(ctx, address)
		if err != nil {
			return err
		}
		for !n.grafted.has(id) {
			time.Sleep(look)
		}
		answer("connected")
	case "publish":
		if err := read(command, &count, &number, &publishers); err != nil {
			return err
		}
		if err := n.publish(ctx, count, number, publishers); err != nil {
			return err
		}
		answer("published")
	case "expect":
		if err := read(command, &count, &number); err != nil {
			return err
		}
		answer(n.came.wait(count, number))
	case "first":
		if err := read(command, &address, &number); err != nil {
			return err
		}
		begin := now()
		if _, err := n.dial(ctx, address); err != nil {
			return err
		}
		for end := begin + int64(number*1e9); now() < end; time.Sleep(5 * time.Millisecond) {
			if err := n.topic.Publish(ctx, message()); err != nil {
				return err
			}
		}
		answer([]int64{begin})
	default:
		return fmt.Errorf("unknown command %q", name)
	}
	return nil
}

func (n *node) dial(ctx context.Context, address string) (peer.ID, error) {
	info, err := peer.AddrInfoFromString(address)
	if err != nil {
		return "", err
	}
	return info.ID, n.host.Connect(ctx, *info)
}

// publish sends so many messages, from several publishers at once where the rate is 0.
func (n *node) publish(ctx context.Context, count int, perSecond float64, publishers int) error {
	failures := make(chan error, publishers)
	for range publishers {
		go func() { failures <- n.publishSome(ctx, count/publishers, perSecond) }()
	}
	for range publishers {
		if err := <-failures; err != nil {
			return err
		}
	}
	return nil
}

func (n *node) publishSome(ctx context.Context, count int, perSecond float64) error {
	begin := time.Now()
	for number := range count {
		if perSecond > 0 {
			due := begin.Add(time.Duration(float64(number) / perSecond * 1e9))
			time.Sleep(time.Until(due))
		}
		if err := n.topic.Publish(ctx, message()); err != nil {
			return err
		}
	}
	return nil
}

func message() []byte {
	data := make([]byte, sizeBytes)
	copy(data, fmt.Sprintf("%0*d", stampBytes, now()))
	return data
}

func now() int64 {
	var clock unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &clock); err != nil {
		log.Fatal(err)
	}
	return clock.Nano()
}

func read(command []json.RawMessage, into ...any) error {
	for index, target := range into {
		if err := json.Unmarshal(command[index+1], target); err != nil {
			return err
		}
	}
	return nil
}

// arrivals are the moments at which messages of others were sent and came.
type arrivals struct {
	mutex sync.Mutex
	times [][2]int64
}

func (a *arrivals) collect(ctx context.Context, subscription *pubsub.Subscription, self peer.ID) {
	for {
		message, err := subscription.Next(ctx)
		if err != nil {
			return
		}
		if message.GetFrom() == self {
			continue
		}
		sent, err := strconv.ParseInt(string(message.Data[:stampBytes]), 10, 64)
		if err != nil {
			log.Fatal(err)
		}
		a.mutex.Lock()
		a.times = append(a.times, [2]int64{sent, now()})
		a.mutex.Unlock()
	}
}

func (a *arrivals) wait(count int, timeoutS float64) [][2]int64 {
	for end := time.Now().Add(time.Duration(timeoutS * 1e9)); time.Now().Before(end); time.Sleep(look) {
		a.mutex.Lock()
		reached := len(a.times) >= count
		a.mutex.Unlock()
		if reached {
			break
		}
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	found := a.times
	a.times = nil
	return found
}

var output = json.NewEncoder(os.Stdout)

func answer(value any) {
	if err := output.Encode(value); err != nil {
		log.Fatal(err)
	}
}
