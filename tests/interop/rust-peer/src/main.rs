//! A rust-libp2p chat peer for the tests: every line of its input is a message to
//! the room, every message of the room is a line of its output.
//!
//!     rust-peer [--room NAME] [--listen ADDRESS] [--behind ADDRESS] [--provide] [--find] [ADDRESS…]
//!
//! With --behind it listens nowhere and is reached through the relay at that address. It
//! serves the DHT; with --provide it is a client there, which nobody finds but by the
//! record that it is in the room; with --find it looks for such records and dials whom they
//! name. It dials the addresses given. Output lines are JSON objects with a "type": ready
//! (id, addresses), joined (peer), found (peer), message (author, forwarder, text).

use std::{error::Error, time::Duration};

use futures::StreamExt;
use libp2p::{
    gossipsub::{self, IdentTopic, MessageAuthenticity},
    identify,
    identity::Keypair,
    kad::{self, store::MemoryStore, GetProvidersOk, QueryResult, RecordKey},
    multiaddr::Protocol,
    noise, ping, relay, tcp, yamux,
    swarm::{NetworkBehaviour, SwarmEvent},
    Multiaddr, Swarm, SwarmBuilder,
};
use serde_json::{json, Value};
use sha2::{Digest, Sha256};
use tokio::io::{stdin, AsyncBufReadExt, BufReader};

type Fallible<T> = Result<T, Box<dyn Error>>;

const LOOK_EVERY: Duration = Duration::from_millis(500);
const SHA2_256: [u8; 2] = [0x12, 32];

#[derive(NetworkBehaviour)]
struct Behaviour {
    gossip: gossipsub::Behaviour,
    identify: identify::Behaviour,
    kad: kad::Behaviour<MemoryStore>,
    ping: ping::Behaviour,
    relay: relay::client::Behaviour,
}

struct Options {
    room: String,
    listen: Multiaddr,
    behind: Option<Multiaddr>,
    provide: bool,
    find: bool,
    addresses: Vec<Multiaddr>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Fallible<()> {
    let options = options_from_arguments()?;
    let mut peer = Peer::start(&options)?;
    let mut lines = BufReader::new(stdin()).lines();
    let mut looks = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            event = peer.swarm.select_next_some() => peer.handle(event)?,
            line = lines.next_line() => match line? {
                Some(text) => peer.say(text)?,
                None => return Ok(()),
            },
            _ = looks.tick() => peer.look(),
        }
    }
}

struct Peer<'a> {
    swarm: Swarm<Behaviour>,
    options: &'a Options,
    topic: IdentTopic,
    is_ready: bool,
}

impl<'a> Peer<'a> {
    fn start(options: &'a Options) -> Fallible<Self> {
        let mut swarm = new_swarm()?;
        let mode = if options.provide { kad::Mode::Client } else { kad::Mode::Server };
        swarm.behaviour_mut().kad.set_mode(Some(mode));
        let topic = IdentTopic::new(&options.room);
        swarm.behaviour_mut().gossip.subscribe(&topic)?;
        match &options.behind {
            Some(relay) => swarm.listen_on(relay.clone().with(Protocol::P2pCircuit))?,
            None => swarm.listen_on(options.listen.clone())?,
        };
        Ok(Self { swarm, options, topic, is_ready: false })
    }

    fn handle(&mut self, event: SwarmEvent<BehaviourEvent>) -> Fallible<()> {
        match event {
            SwarmEvent::NewListenAddr { address, .. } => self.ready(address)?,
            SwarmEvent::ListenerClosed { reason: Err(error), .. } => return Err(error.into()),
            SwarmEvent::OutgoingConnectionError { error, .. } => eprintln!("no connection: {error}"),
            SwarmEvent::Behaviour(event) => self.handle_protocol(event)?,
            _ => {}
        }
        Ok(())
    }

    fn handle_protocol(&mut self, event: BehaviourEvent) -> Fallible<()> {
        match event {
            BehaviourEvent::Gossip(gossipsub::Event::Subscribed { peer_id, topic }) => {
                if topic == self.topic.hash() {
                    tell(json!({"type": "joined", "peer": peer_id.to_string()}));
                }
            }
            BehaviourEvent::Gossip(gossipsub::Event::Message { propagation_source, message, .. }) => {
                tell(json!({
                    "type": "message",
                    "author": message.source.map(|author| author.to_string()),
                    "forwarder": propagation_source.to_string(),
                    "text": String::from_utf8_lossy(&message.data),
                }));
            }
            BehaviourEvent::Identify(identify::Event::Received { peer_id, info, .. }) => {
                let serves = info.protocols.contains(&kad::PROTOCOL_NAME);
                let kad = &mut self.swarm.behaviour_mut().kad;
                for address in info.listen_addrs.into_iter().filter(|_| serves) {
                    kad.add_address(&peer_id, address);
                }
                if serves && self.options.provide {
                    kad.start_providing(room_key(&self.options.room))?;
                }
            }
            BehaviourEvent::Kad(kad::Event::OutboundQueryProgressed {
                result: QueryResult::GetProviders(Ok(GetProvidersOk::FoundProviders { providers, .. })),
                ..
            }) => {
                for peer_id in providers {
                    tell(json!({"type": "found", "peer": peer_id.to_string()}));
                    // Fails where it is connected already, and where it is this peer.
                    let _ = self.swarm.dial(peer_id);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Report the first address, and dial.
    fn ready(&mut self, address: Multiaddr) -> Fallible<()> {
        let id = *self.swarm.local_peer_id();
        self.swarm.add_external_address(address.clone());
        if std::mem::replace(&mut self.is_ready, true) {
            return Ok(());
        }
        let address = match address.iter().last() {
            Some(Protocol::P2p(last)) if last == id => address,
            _ => address.with(Protocol::P2p(id)),
        };
        tell(json!({"type": "ready", "id": id.to_string(), "addresses": [address.to_string()]}));
        for address in &self.options.addresses {
            self.swarm.dial(address.clone())?;
        }
        Ok(())
    }

    fn say(&mut self, text: String) -> Fallible<()> {
        let topic = self.topic.clone();
        self.swarm.behaviour_mut().gossip.publish(topic, text.into_bytes())?;
        Ok(())
    }

    fn look(&mut self) {
        if self.options.find {
            let key = room_key(&self.options.room);
            self.swarm.behaviour_mut().kad.get_providers(key);
        }
    }
}

fn new_swarm() -> Fallible<Swarm<Behaviour>> {
    Ok(SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::new(), noise::Config::new, yamux::Config::default)?
        .with_quic()
        .with_relay_client(noise::Config::new, yamux::Config::default)?
        .with_behaviour(new_behaviour)?
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(600)))
        .build())
}

fn new_behaviour(
    key: &Keypair,
    relay: relay::client::Behaviour,
) -> Result<Behaviour, Box<dyn Error + Send + Sync>> {
    let id = key.public().to_peer_id();
    let gossip = gossipsub::Behaviour::new(
        MessageAuthenticity::Signed(key.clone()),
        gossipsub::Config::default(),
    )?;
    let identify = identify::Config::new("/ipfs/0.1.0".into(), key.public());
    Ok(Behaviour {
        gossip,
        identify: identify::Behaviour::new(identify),
        kad: kad::Behaviour::new(id, MemoryStore::new(id)),
        ping: ping::Behaviour::default(),
        relay,
    })
}

/// The multihash of a room's name, which is what a CID is looked for by.
fn room_key(room: &str) -> RecordKey {
    RecordKey::new(&[&SHA2_256[..], &Sha256::digest(room)].concat())
}

fn options_from_arguments() -> Fallible<Options> {
    let mut options = Options {
        room: "chat-room".into(),
        listen: "/ip4/127.0.0.1/tcp/0".parse()?,
        behind: None,
        provide: false,
        find: false,
        addresses: Vec::new(),
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--room" => options.room = value()?,
            "--listen" => options.listen = value()?.parse()?,
            "--behind" => options.behind = Some(value()?.parse()?),
            "--provide" => options.provide = true,
            "--find" => options.find = true,
            address => options.addresses.push(address.parse()?),
        }
    }
    Ok(options)
}

fn tell(line: Value) {
    println!("{line}");
}
