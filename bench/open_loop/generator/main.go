// Offer publishes to a node at a given rate, whatever it answers.
//
// Each line of the input is a run as JSON, each line of the output what became of it.
// A latency begins when its publish was due, so that what a slow node delays counts.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strconv"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

const (
	publish       = "/wsp.chat.v1.ChatService/Publish"
	publishStream = "/wsp.chat.v1.ChatService/PublishStream"
	connections   = 8
	streams       = 2
	patience      = 20 * time.Second
	ahead         = 8 // publishes that may wait for a stream that is being written to
)

// Run is one run: so many publishes a second for so long, as calls or over streams.
type Run struct {
	Kind    string  `json:"kind"`
	Rate    float64 `json:"rate_per_s"`
	Seconds float64 `json:"seconds"`
	Callers int     `json:"callers"`
}

// Outcome is what became of a run; Held are publishes that a stream had no room for.
type Outcome struct {
	Offered  int            `json:"offered"`
	Accepted int            `json:"accepted"`
	Held     int            `json:"held"`
	Refused  map[string]int `json:"refused"`
	Seconds  float64        `json:"seconds"`
	Latency  []float64      `json:"latencies_ms"`
}

type tally struct {
	sync.Mutex
	latencies []float64
	refused   map[string]int
	offered   int
	held      int
}

func (t *tally) answered(due time.Time, reason string) {
	latency := float64(time.Since(due).Nanoseconds()) / 1e6
	t.Lock()
	defer t.Unlock()
	if reason == "" {
		t.latencies = append(t.latencies, latency)
	} else {
		t.refused[reason]++
	}
}

func (t *tally) outcome(took time.Duration) Outcome {
	sort.Float64s(t.latencies)
	return Outcome{t.offered, len(t.latencies), t.held, t.refused, took.Seconds(), t.latencies}
}

// Bytes that are encoded already.
type raw struct{}

func (raw) Name() string                       { return "proto" }
func (raw) Marshal(value any) ([]byte, error)  { return *value.(*[]byte), nil }
func (raw) Unmarshal(data []byte, v any) error { *v.(*[]byte) = data; return nil }

func requestOf(number, size int) []byte {
	return protowire.AppendString(protowire.AppendTag(nil, 2, protowire.BytesType),
		fmt.Sprintf("%d %0*d", time.Now().UnixNano(), size, number))
}

func main() {
	var channels []*grpc.ClientConn
	for range connections {
		channel, err := grpc.NewClient(os.Args[1],
			grpc.WithTransportCredentials(insecure.NewCredentials()))
		check(err)
		channels = append(channels, channel)
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var run Run
		check(json.Unmarshal(lines.Bytes(), &run))
		var outcome Outcome
		switch run.Kind {
		case "closed":
			outcome = closedLoop(run, channels)
		case "calls":
			outcome = offerCalls(run, channels)
		case "streams":
			outcome = offerStreams(run, channels)
		default:
			panic("no such kind: " + run.Kind)
		}
		found, err := json.Marshal(outcome)
		check(err)
		fmt.Println(string(found))
	}
}

// closedLoop calls as fast as answers come: so many callers, a call after the other each.
func closedLoop(run Run, channels []*grpc.ClientConn) Outcome {
	found := &tally{refused: map[string]int{}, latencies: []float64{}}
	begin := time.Now()
	end := begin.Add(time.Duration(run.Seconds * float64(time.Second)))
	var callers sync.WaitGroup
	for caller := range run.Callers {
		callers.Go(func() {
			for time.Now().Before(end) {
				call(channels[caller%connections], time.Now(), caller, found)
			}
		})
	}
	callers.Wait()
	return found.outcome(time.Since(begin))
}

func offerCalls(run Run, channels []*grpc.ClientConn) Outcome {
	found := &tally{refused: map[string]int{}, latencies: []float64{}}
	var calls sync.WaitGroup
	took := pace(run, found, func(number int, due time.Time) {
		calls.Go(func() { call(channels[number%connections], due, number, found) })
	})
	calls.Wait()
	return found.outcome(took)
}

func call(channel *grpc.ClientConn, due time.Time, number int, found *tally) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	request, response := requestOf(number, 100), []byte{}
	err := channel.Invoke(ctx, publish, &request, &response, grpc.ForceCodec(raw{}))
	found.answered(due, reasonOf(err))
}

// offerStreams gives each publish to the next stream, or counts it as held. gRPC's client
// itself holds 64 KiB of a stream before a write blocks: few streams and larger texts make
// that few publishes.
func offerStreams(run Run, channels []*grpc.ClientConn) Outcome {
	found := &tally{refused: map[string]int{}, latencies: []float64{}}
	var open sync.WaitGroup
	inputs := make([]chan time.Time, streams)
	for number := range inputs {
		inputs[number] = make(chan time.Time, ahead)
		open.Go(func() { stream(channels[number], inputs[number], found) })
	}
	took := pace(run, found, func(number int, due time.Time) {
		select {
		case inputs[number%streams] <- due:
		default:
			found.Lock()
			found.held++
			found.Unlock()
		}
	})
	for _, input := range inputs {
		close(input)
	}
	open.Wait()
	return found.outcome(took)
}

func stream(channel *grpc.ClientConn, input <-chan time.Time, found *tally) {
	desc := &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}
	open, err := channel.NewStream(context.Background(), desc, publishStream, grpc.ForceCodec(raw{}))
	check(err)
	var lock sync.Mutex
	var sent []time.Time
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			var response []byte
			if open.RecvMsg(&response) != nil {
				return
			}
			for _, reason := range reasonsIn(response) {
				lock.Lock()
				due := sent[0]
				sent = sent[1:]
				lock.Unlock()
				found.answered(due, reason)
			}
		}
	}()
	number := 0
	for due := range input {
		request := protowire.AppendBytes(
			protowire.AppendTag(nil, 1, protowire.BytesType), requestOf(number, 1000))
		number++
		lock.Lock()
		sent = append(sent, due)
		lock.Unlock()
		check(open.SendMsg(&request))
	}
	check(open.CloseSend())
	<-ended
}

func pace(run Run, found *tally, offer func(number int, due time.Time)) time.Duration {
	begin := time.Now()
	for number := range int(run.Rate * run.Seconds) {
		due := begin.Add(time.Duration(float64(number) / run.Rate * float64(time.Second)))
		time.Sleep(time.Until(due))
		found.offered++
		offer(number, due)
	}
	return time.Since(begin)
}

// reasonsIn lists the reason of each result of a PublishStreamResponse; "" is accepted.
func reasonsIn(response []byte) []string {
	var reasons []string
	eachField(response, func(_ protowire.Number, result []byte) {
		reason := "no outcome"
		eachField(result, func(field protowire.Number, value []byte) {
			switch field {
			case 2:
				reason = ""
			case 3:
				var refused spb.Status
				check(proto.Unmarshal(value, &refused))
				reason = reasonOf(status.ErrorProto(&refused))
			}
		})
		reasons = append(reasons, reason)
	})
	return reasons
}

func eachField(message []byte, found func(protowire.Number, []byte)) {
	for len(message) > 0 {
		number, kind, size := protowire.ConsumeTag(message)
		message = message[size:]
		if kind == protowire.BytesType {
			value, length := protowire.ConsumeBytes(message)
			found(number, value)
			message = message[length:]
		} else {
			message = message[protowire.ConsumeFieldValue(number, kind, message):]
		}
	}
}

func reasonOf(err error) string {
	if err == nil {
		return ""
	}
	refusal := status.Convert(err)
	for _, detail := range refusal.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return refusal.Code().String() + " " + info.Reason
		}
	}
	return refusal.Code().String() + " " + strconv.Quote(refusal.Message())
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
