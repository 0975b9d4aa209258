//! Loads pages in Chromium over the pipe of its DevTools protocol, and returns its errors.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const NAMES: &[&str] = &["chromium", "chromium-browser", "google-chrome"];
/// It reads commands from descriptor 3 and writes answers to 4; a process that is not started by unsafe code has 0 and 1 to give.
const PIPES: &str = "exec 3<&0 4>&1 </dev/null >/dev/null 2>&1; exec \"$0\" \"$@\"";
/// A new profile, nothing that calls home, and no sandbox: it needs rights that a container has not, and all pages are ours.
const FLAGS: &[&str] = &[
    "--remote-debugging-pipe",
    "--headless",
    "--no-sandbox",
    "--no-proxy-server",
    "--no-first-run",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];
/// For what must come: long enough for any machine, and only a broken one waits so long.
const PATIENCE: Duration = Duration::from_secs(60);
/// For what may never come. The pages that are loaded afterwards prove that the browser was not merely slow.
const QUIET: Duration = Duration::from_secs(3);

/// A browser without a window, gone with all of its processes when dropped.
pub struct Chromium {
    /// Its major version.
    pub version: String,
    child: Child,
    commands: ChildStdin,
    messages: Receiver<Value>,
    asked: u64,
    tabs: Vec<Tab>,
    profile: PathBuf,
}

/// A page that was asked for.
struct Tab {
    session: String,
    url: String,
    request: Option<Value>,
    bytes: u64,
    end: Option<End>,
}

/// How a page came to its end.
enum End {
    Finished,
    Failed(String),
}

impl Chromium {
    /// Or the reason why it cannot be used.
    pub fn start() -> Result<Chromium, String> {
        let name = NAMES.iter().find(|name| Command::new(name).arg("--version").output().is_ok());
        let name = name.ok_or("not installed")?;
        let profile = std::env::temp_dir().join(format!("wirelight-chromium-{}", std::process::id()));
        let mut command = Command::new("sh");
        command.args(["-c", PIPES, name]).args(FLAGS).arg(format!("--user-data-dir={}", profile.display()));
        command.env("HOME", &profile).process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        let (commands, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (tell, messages) = channel();
        std::thread::spawn(move || {
            for message in BufReader::new(answers).split(0).map_while(Result::ok) {
                let _ = tell.send(serde_json::from_slice(&message).unwrap()); // nobody listens: it is being closed
            }
        });
        let mut browser =
            Chromium { version: String::new(), child, commands, messages, asked: 0, tabs: Vec::new(), profile };
        let version = browser.ask(None, "Browser.getVersion", json!({}))?;
        let product = version["product"].as_str().unwrap_or_default();
        browser.version = product.split(['/', '.']).nth(1).ok_or("has no version")?.to_owned();
        Ok(browser)
    }

    /// Goes to a page in a tab of its own, and does not wait for it.
    pub fn open(&mut self, url: String) -> Result<(), String> {
        let session = self.tab()?;
        self.watch(&session, &url);
        self.send(Some(&session), "Page.navigate", &json!({ "url": url }))
    }

    /// Sends a HEAD request from a page of the same origin, and does not wait for the answer.
    pub fn head(&mut self, url: String, page: &str) -> Result<(), String> {
        let session = self.tab()?;
        self.ask(Some(&session), "Page.navigate", json!({ "url": page }))?;
        self.watch(&session, &url);
        let script = format!("void fetch('{url}', {{ method: 'HEAD' }}).then((answer) => answer.text())");
        self.send(Some(&session), "Runtime.evaluate", &json!({ "expression": script }))
    }

    /// In the order of opening, what each page came to. `works` is a page that loads: a page that has not ended when nothing happened
    /// for a while, and others could be loaded meanwhile, never will.
    pub fn settled(mut self, works: &str) -> Result<Vec<String>, String> {
        let end = Instant::now() + PATIENCE;
        while self.tabs.iter().any(|tab| tab.end.is_none()) {
            if Instant::now() > end {
                return Err(format!("says more and more, and not how each page ended, for {PATIENCE:?}"));
            }
            match self.messages.recv_timeout(QUIET) {
                Ok(message) => self.note(&message),
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return Err("ended early".to_owned()),
            }
        }
        for _ in 0..3 {
            let session = self.tab()?;
            self.ask(Some(&session), "Page.navigate", json!({ "url": works }))?;
        }
        Ok(self.tabs.iter().map(Tab::told).collect())
    }

    fn watch(&mut self, session: &str, url: &str) {
        self.tabs.push(Tab { session: session.to_owned(), url: url.to_owned(), request: None, bytes: 0, end: None });
    }

    /// Opens a tab that reports its network events.
    fn tab(&mut self) -> Result<String, String> {
        let target = self.ask(None, "Target.createTarget", json!({ "url": "about:blank" }))?;
        let target = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = self.ask(None, "Target.attachToTarget", target)?;
        let session = attached["sessionId"].as_str().ok_or("opens no tab")?.to_owned();
        self.ask(Some(&session), "Network.enable", json!({}))?;
        Ok(session)
    }

    fn ask(&mut self, session: Option<&str>, method: &str, params: Value) -> Result<Value, String> {
        self.send(session, method, &params)?;
        let id = self.asked;
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let message = self.messages.recv_timeout(left).map_err(|error| format!("{method}: {error}"))?;
            self.note(&message);
            if message["id"] == id {
                return message.get("result").cloned().ok_or(format!("{method}: {message}"));
            }
        }
    }

    fn send(&mut self, session: Option<&str>, method: &str, params: &Value) -> Result<(), String> {
        self.asked += 1;
        let mut message = json!({ "id": self.asked, "method": method, "params": params });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let bytes = [message.to_string().as_bytes(), b"\0"].concat();
        self.commands.write_all(&bytes).map_err(|error| format!("{method}: {error}"))
    }

    /// Only the page itself counts, not what comes after it: its icon, and the browser's own page about an error.
    fn note(&mut self, message: &Value) {
        let Some(tab) = self.tabs.iter_mut().find(|tab| message["sessionId"] == *tab.session) else { return };
        let params = &message["params"];
        if tab.request.is_none() && params["request"]["url"] == *tab.url {
            tab.request = Some(params["requestId"].clone());
        }
        if tab.end.is_some() || tab.request.as_ref() != Some(&params["requestId"]) {
            return;
        }
        match message["method"].as_str() {
            Some("Network.dataReceived") => tab.bytes += params["dataLength"].as_u64().unwrap_or_default(),
            Some("Network.loadingFinished") => tab.end = Some(End::Finished),
            Some("Network.loadingFailed") => {
                tab.end = Some(End::Failed(params["errorText"].as_str().unwrap_or_default().to_owned()));
            }
            _ => {}
        }
    }
}

impl Tab {
    fn told(&self) -> String {
        let shown = if self.bytes == 0 { "nothing".to_owned() } else { format!("{} bytes", self.bytes) };
        match &self.end {
            Some(End::Failed(error)) => format!("`{error}`"),
            Some(End::Finished) => format!("no error: shows {shown}"),
            None => format!("keeps loading: no error, shows {shown}"),
        }
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // Asked to, it ends its processes itself, and closes the pipe last.
        let _ = self.send(None, "Browser.close", &json!({}));
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end && self.messages.recv_timeout(QUIET).is_ok() {}
        let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", self.child.id())]).output();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}
