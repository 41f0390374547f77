//! The gateway of the older design, as a peer for the benchmark: it runs the node as a
//! child, speaks JSON lines with it, and serves browsers over WebSocket, one task and one
//! broadcast receiver for each. A browser that lags is cut off.
//!
//!     stdio-gateway NODE [ADDRESS…]
//!
//! Prints the node's `ready` line with the gateway's address as `listen` and its process
//! id as `gateway_pid`, and every `joined` line; ends when its input ends.

use std::process::Stdio;
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use serde_json::{json, Value};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::sync::{broadcast, mpsc};
use tokio_tungstenite::tungstenite::Message;

const EVENTS_IN_MEMORY: usize = 256;
const COMMANDS_IN_MEMORY: usize = 256;

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let program = arguments.next().ok_or("usage: stdio-gateway NODE [ADDRESS…]")?;
    let mut node = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let (events, _) = broadcast::channel::<Arc<str>>(EVENTS_IN_MEMORY);
    let (commands, asked) = mpsc::channel::<String>(COMMANDS_IN_MEMORY);
    let stdin = node.stdin.take().ok_or("no standard input")?;
    let stdout = node.stdout.take().ok_or("no standard output")?;
    let listen = listener.local_addr()?.to_string();
    tokio::spawn(write_commands(asked, stdin));
    tokio::spawn(read_events(stdout, events.clone(), listen));
    tokio::spawn(accept(listener, events, commands));
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    node.kill().await?;
    Ok(())
}

async fn accept(
    listener: TcpListener,
    events: broadcast::Sender<Arc<str>>,
    commands: mpsc::Sender<String>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, events.subscribe(), commands.clone()));
    }
}

async fn write_commands(mut asked: mpsc::Receiver<String>, mut stdin: ChildStdin) {
    while let Some(line) = asked.recv().await {
        if stdin.write_all(line.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn read_events(stdout: ChildStdout, events: broadcast::Sender<Arc<str>>, listen: String) {
    let mut lines = BufReader::new(stdout).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let Ok(mut event) = serde_json::from_str::<Value>(&line) else {
            continue;
        };
        match event["type"].as_str() {
            Some("ready") => {
                event["listen"] = json!(listen);
                event["gateway_pid"] = json!(std::process::id());
                println!("{event}");
            }
            Some("joined") => println!("{event}"),
            _ => {
                let _ = events.send(Arc::from(line));
            }
        }
    }
}

/// Serve one browser until it leaves, lags or breaks the rules.
async fn serve(
    stream: TcpStream,
    mut events: broadcast::Receiver<Arc<str>>,
    commands: mpsc::Sender<String>,
) -> Result<(), Failure> {
    stream.set_nodelay(true)?;
    let (mut sink, mut source) = tokio_tungstenite::accept_async(stream).await?.split();
    loop {
        tokio::select! {
            event = events.recv() => sink.send(Message::Text(event?.to_string())).await?,
            frame = source.next() => match frame {
                Some(Ok(Message::Text(text))) => {
                    let asked: Value = serde_json::from_str(&text)?;
                    match asked["type"].as_str() {
                        Some("publish") => {
                            let line = json!({"type": "publish", "text": asked["text"]});
                            commands.send(format!("{line}\n")).await?;
                        }
                        _ => sink.send(Message::Text(json!({"type": "snapshot"}).to_string())).await?,
                    }
                }
                Some(Ok(Message::Close(_))) | None => return Ok(()),
                Some(frame) => drop(frame?),
            },
        }
    }
}
