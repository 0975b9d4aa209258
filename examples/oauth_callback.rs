//! Logs the user of a command in through the browser: OAuth 2.0 for native apps (RFC 8252) with PKCE
//! (RFC 7636). Run with `AUTHORIZE_URL=… TOKEN_URL=… CLIENT_ID=… cargo run --example oauth_callback`
//! and open the address that it prints.
use std::error::Error;
use std::sync::mpsc;
use std::time::Duration;
use std::{env, thread};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use wirelight::{App, Html, Request, Server};

const DONE: Html<&str> = Html("<!doctype html><title>Done</title><p>You can close this window.");
const REFUSED: Html<&str> = Html("<!doctype html><title>Not logged in</title><p>This was not the expected answer.");

fn main() -> Result<(), Box<dyn Error>> {
    let (state, verifier) = (random()?, random()?);
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
    // 127.0.0.1 and ::1, since a browser may try either, and no address that others reach. The
    // issuer ignores the port of a loopback address (RFC 8252 §7.3).
    let server = Server::bind("localhost:0")?.signals(false);
    let redirect = format!("http://localhost:{}/callback", server.local_addr().port());
    let client = env::var("CLIENT_ID")?;
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("response_type", "code"), ("client_id", &client), ("redirect_uri", &redirect)])
        .extend_pairs([("state", &*state), ("code_challenge", &challenge), ("code_challenge_method", "S256")])
        .finish();

    let (found, codes) = mpsc::sync_channel(1);
    let mut app = App::new();
    app.get("/callback", move |req| match code(req, &state) {
        // A stray request, or one of another page, does not end the wait.
        None => REFUSED,
        Some(result) => {
            let _ = found.try_send(result); // the first one counts
            DONE
        }
    });
    let handle = server.handle();
    let running = thread::spawn(move || server.run(app));
    println!("open {}?{query}", env::var("AUTHORIZE_URL")?);

    let answer = codes.recv_timeout(Duration::from_secs(300));
    handle.stop(); // sends what is to be sent, and closes connections that the browser keeps open
    running.join().map_err(|_| "the server panicked")??;
    let code = answer.map_err(|_| "nobody logged in within 5 minutes")??;
    let form = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", &redirect)];
    let form = form.into_iter().chain([("client_id", &*client), ("code_verifier", &verifier)]);
    let patience = Some(Duration::from_secs(30));
    let request = ureq::post(env::var("TOKEN_URL")?).config().timeout_global(patience).build();
    let token: serde_json::Value = request.send_form(form)?.body_mut().read_json()?;
    println!("logged in, with a token for {} s", token["expires_in"]);
    Ok(())
}

/// Returns the code, or the error of the issuer, of a callback with our state; `None` for all others.
fn code(req: &Request, state: &str) -> Option<Result<String, String>> {
    let sent = req.query("state")?;
    // The state is used once and for minutes: a comparison in constant time adds nothing.
    if sent != state {
        return None;
    }
    let code = req.query("code").map(|code| Ok(code.into_owned()));
    code.or_else(|| Some(Err(format!("refused: {:?}", req.query("error")?))))
}

/// Returns 256 random bits as 43 characters: a state or a verifier (RFC 7636 §4.1).
fn random() -> Result<String, Box<dyn Error>> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes)?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}
