package main

import (
	"sync"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// mesh knows the peers of the room's mesh; GossipSub tells it of each change.
type mesh struct {
	mutex sync.Mutex
	peers map[peer.ID]bool
}

func (m *mesh) has(id peer.ID) bool {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.peers[id]
}

func (m *mesh) set(id peer.ID, isIn bool) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.peers[id] = isIn
}

func (m *mesh) Graft(id peer.ID, _ string)                           { m.set(id, true) }
func (m *mesh) Prune(id peer.ID, _ string)                           { m.set(id, false) }
func (m *mesh) OnNewOutboundStream(peer.ID, protocol.ID)             {}
func (m *mesh) OnClosedOutboundStream(peer.ID)                       {}
func (m *mesh) Join(string)                                          {}
func (m *mesh) Leave(string)                                         {}
func (m *mesh) ValidateMessage(*pubsub.Message)                      {}
func (m *mesh) DeliverMessage(*pubsub.Message)                       {}
func (m *mesh) RejectMessage(*pubsub.Message, string)                {}
func (m *mesh) DuplicateMessage(*pubsub.Message)                     {}
func (m *mesh) ThrottlePeer(peer.ID)                                 {}
func (m *mesh) RecvRPC(*pubsub.RPC)                                  {}
func (m *mesh) SendRPC(*pubsub.RPC, peer.ID)                         {}
func (m *mesh) SendRPCCompleted(*pubsub.RPC, peer.ID, time.Duration) {}
func (m *mesh) DropRPC(*pubsub.RPC, peer.ID)                         {}
func (m *mesh) UndeliverableMessage(*pubsub.Message)                 {}
