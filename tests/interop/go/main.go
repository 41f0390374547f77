// A chat client in Go: publishes what it is told and prints what it hears.
//
//	chat-client ADDRESS TEXT COUNT
//
// It joins the stream of events first, then publishes TEXT, prints COUNT
// messages as "AUTHOR TEXT" lines and ends.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strconv"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"wsp.test/interop/chatv1"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 4 {
		log.Fatal("usage: chat-client ADDRESS TEXT COUNT")
	}
	count, err := strconv.Atoi(os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	if err := chat(context.Background(), os.Args[1], os.Args[2], count); err != nil {
		log.Fatal(err)
	}
}

// chat publishes text and prints count messages of the node at address.
func chat(ctx context.Context, address, text string, count int) error {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	client := chatv1.NewChatServiceClient(conn)

	events, err := client.Events(ctx, &chatv1.EventsRequest{})
	if err != nil {
		return err
	}
	if _, err := events.Recv(); err != nil { // the snapshot: nothing after it is missed
		return err
	}
	content := &chatv1.PublishRequest_Text{Text: text}
	if _, err := client.Publish(ctx, &chatv1.PublishRequest{Content: content}); err != nil {
		return err
	}
	for count > 0 {
		batch, err := events.Recv()
		if err != nil {
			return err
		}
		for _, event := range batch.Events {
			if message := event.GetMessage(); message != nil {
				fmt.Println(message.AuthorId, message.GetText())
				count--
			}
		}
	}
	return nil
}
