//! A running example: the program as its readers start it.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use ureq::{Agent, http};

use super::bounded;

/// A running example, stopped when the test is through.
pub struct Example {
    child: Child,
    pub stdout: BufReader<ChildStdout>,
    pub url: String,
    agent: Agent,
    _leash: bounded::Leash,
}

/// A status, the fields by name in lower case, and the body, as bytes and as JSON (null if it is not JSON).
pub struct Reply {
    pub status: u16,
    pub fields: HashMap<String, String>,
    pub text: String,
    pub json: Value,
}

impl Example {
    pub fn run(name: &str) -> Example {
        Example::listening(command(name).env("PORT", "0"))
    }

    pub fn listening(command: &mut Command) -> Example {
        let (mut child, leash) = bounded::leashed(command.stdout(Stdio::piped()));
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let url =
            line.strip_prefix("listening on ").unwrap_or_else(|| panic!("{command:?}: {line:?}")).trim().to_owned();
        let patience = Some(Duration::from_secs(60));
        let agent = Agent::config_builder().http_status_as_error(false).timeout_global(patience);
        Example { child, stdout, url, agent: agent.max_redirects(0).build().into(), _leash: leash }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn get(&self, target: &str) -> Reply {
        self.ask("GET", target, &[], "")
    }

    pub fn json(&self, method: &str, target: &str, body: &str) -> Reply {
        self.ask(method, target, &[("Content-Type", "application/json")], body)
    }

    pub fn ask(&self, method: &str, target: &str, fields: &[(&str, &str)], body: impl AsRef<[u8]>) -> Reply {
        let mut request = http::Request::builder().method(method).uri(format!("{}{target}", self.url));
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let mut reply = self.agent.run(request.body(body.as_ref().to_vec()).unwrap()).unwrap();
        let text = String::from_utf8_lossy(&reply.body_mut().read_to_vec().unwrap()).into_owned();
        let field = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            (name.to_string(), value.to_str().unwrap().to_owned())
        };
        Reply {
            status: reply.status().as_u16(),
            fields: reply.headers().iter().map(field).collect(),
            json: serde_json::from_str(&text).unwrap_or_default(),
            text,
        }
    }

    /// Stops it; returns its output.
    pub fn stop(mut self) -> String {
        let killed = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        let mut printed = String::new();
        self.stdout.read_to_string(&mut printed).unwrap();
        assert!(bounded::exited(&mut self.child).success());
        printed
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        // Both fail where the child has been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Reply {
    pub fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    pub fn allow(&self) -> Vec<&str> {
        let mut methods: Vec<_> = self.field("allow").split(", ").collect();
        methods.sort_unstable();
        methods
    }

    #[track_caller]
    pub fn is(&self, status: u16, json: Value) {
        assert_eq!((self.status, &self.json), (status, &json));
    }
}

/// `cargo test` builds the examples, into a folder beside that of the tests; `cargo test --test examples` does not.
pub fn command(name: &str) -> Command {
    let mut path: PathBuf = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    let path = path.join("examples").join(name);
    assert!(path.exists(), "cargo build --examples comes first: there is no {}", path.display());
    let mut command = Command::new(path);
    for name in ["HOST", "PORT", "WORKERS", "RUST_LOG"] {
        command.env_remove(name);
    }
    command
}
