//! Receives webhooks: the signature of the raw body, each message once, 202 and a thread that works
//! (standardwebhooks.com). Run with `WEBHOOK_SECRET=$(openssl rand -base64 32) cargo run --example webhook`
use std::collections::{HashSet, VecDeque};
use std::io::{Error as IoError, Result as IoResult};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use std::{env, thread};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::hmac::{HMAC_SHA256, Key, verify};
use wirelight::{App, Error, Request, Result, StatusCode};

/// How old a message may be, in seconds.
const TOLERANCE: u64 = 300;
/// The ids that are remembered: more than come within the tolerance. The messages that may wait.
const REMEMBERED: usize = 10_000;
const WAITING: usize = 100;

fn main() -> IoResult<()> {
    let secret = env::var("WEBHOOK_SECRET").map_err(IoError::other)?;
    let secret = BASE64_STANDARD.decode(secret.trim_start_matches("whsec_")).map_err(IoError::other)?;
    let (queue, messages) = sync_channel::<(String, Vec<u8>)>(WAITING);
    thread::spawn(move || messages.into_iter().for_each(|(id, body)| println!("{id}: {} bytes", body.len())));
    let receiver = Receiver { key: Key::new(HMAC_SHA256, &secret), seen: Mutex::default(), queue };
    let mut app = App::new();
    app.post("/hook", move |req| receiver.receive(req)).max_body(64 * 1024);
    app.run_from_env()
}

struct Receiver {
    key: Key,
    seen: Mutex<Seen>,
    queue: SyncSender<(String, Vec<u8>)>,
}

/// The ids of the last messages, in the order received and to search.
#[derive(Default)]
struct Seen {
    order: VecDeque<String>,
    ids: HashSet<String>,
}

impl Receiver {
    fn receive(&self, req: &Request) -> Result<StatusCode> {
        let id = self.authentic_id(req).ok_or(Error::forbidden("The signature is not valid."))?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.ids.contains(id) {
            return Ok(StatusCode::OK); // the sender did not get our first answer
        }
        // A message that finds no place is not remembered: the sender comes again.
        let busy = |_| Error::new(StatusCode::SERVICE_UNAVAILABLE, "").with_header("Retry-After", "10");
        self.queue.try_send((id.to_owned(), req.body().to_vec())).map_err(busy)?;
        seen.ids.insert(id.to_owned());
        seen.order.push_back(id.to_owned());
        if seen.order.len() > REMEMBERED {
            let oldest = seen.order.pop_front().unwrap_or_default();
            seen.ids.remove(&oldest);
        }
        Ok(StatusCode::ACCEPTED)
    }

    /// Returns the id of a message that the sender signed lately. The signature is of the bytes as
    /// received: JSON that was parsed and written again has others.
    fn authentic_id<'r>(&self, req: &'r Request) -> Option<&'r str> {
        let (id, time) = (req.header("webhook-id")?, req.header("webhook-timestamp")?);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
        let is_recent = time.parse::<u64>().ok()?.abs_diff(now) <= TOLERANCE;
        let message = [id.as_bytes(), b".", time.as_bytes(), b".", req.body()].concat();
        let is_ours = |signature: &str| {
            let signature = signature.strip_prefix("v1,").and_then(|text| BASE64_STANDARD.decode(text).ok());
            signature.is_some_and(|signature| verify(&self.key, &message, &signature).is_ok()) // in constant time
        };
        let signatures = req.header("webhook-signature")?; // several, while the sender changes its secret
        (is_recent && id.len() <= 128 && signatures.split(' ').take(8).any(is_ours)).then_some(id)
    }
}
