//! Tests that `poke` and the composer of the wire view agree: the line to copy sends what the page sends.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{Options, parse, read};
use crate::experiment::Step;

/// Each draft of the node tests: its line, and the plan that the page posts; or why there are none.
fn drafts() -> Result<Vec<Value>, &'static str> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/wire");
    if !Path::new(folder).is_dir() {
        return Err("the page's tests are not part of the published package");
    }
    let output = Command::new("node").current_dir(folder).args(["compose.mjs", "--lines"]).output();
    let output = output.map_err(|_| "node is not installed")?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    Ok(lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// The options of a line, as a shell passes them.
fn options(line: &str) -> Options {
    let output = Command::new("sh").args(["-c", &format!("printf '%s\\0' {line}")]).output().unwrap();
    let words = String::from_utf8(output.stdout).unwrap();
    let words: Vec<_> = words.strip_suffix('\0').unwrap().split('\0').collect();
    assert_eq!(words[..3], ["wirelight", "poke", ":8000"], "{line}");
    let options = read(lexopt::Parser::from_args(&words[2..])).ok().flatten().unwrap_or_else(|| panic!("{line}"));
    assert!(options.agree().is_ok(), "{line}");
    options
}

/// The steps of a plan.
fn steps(plan: &Value) -> Vec<Step> {
    let (mut steps, mut sent) = (Vec::new(), 0);
    for segment in plan["segments"].as_array().unwrap() {
        let mut bytes = base64(segment["b64"].as_str().unwrap());
        bytes.resize(bytes.len() + segment["fill"].as_u64().unwrap_or(0) as usize, b'x');
        if sent > 0 {
            steps.push(Step::Wait(segment["after_ms"].as_u64().unwrap()));
        }
        sent += bytes.len();
        steps.extend((!bytes.is_empty()).then_some(Step::Send(bytes)));
    }
    match plan["then"].as_str().unwrap() {
        "half_close" => steps.push(Step::HalfClose),
        "hold" => steps.push(Step::Hold(plan["timeout_ms"].as_u64().unwrap())),
        _ => {}
    }
    steps
}

fn base64(text: &str) -> Vec<u8> {
    let digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut count, mut bytes) = (0u32, 0, Vec::new());
    for digit in text.trim_end_matches('=').chars() {
        (bits, count) = (bits << 6 | digits.find(digit).unwrap() as u32, count + 6);
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}

#[test]
fn the_line_of_the_composer_sends_what_the_page_sends() {
    let drafts = match drafts() {
        Ok(drafts) => drafts,
        Err(why) => return println!("skipped: {why}"),
    };
    for draft in drafts {
        let (line, plan) = (draft["line"].as_str().unwrap(), &draft["plan"]);
        let options = options(line);
        let mut bytes = parse::unescaped(&options.values[1]).ok().unwrap().repeat(options.repeat.max(1));
        bytes.resize(bytes.len() + options.fill, b'x');
        assert_eq!(options.steps(&bytes), steps(plan), "{line}");
        let slow = options.slow_read.map(|(rate, time)| (rate, time.unwrap().as_millis() as u64));
        let rate = plan["read"]["bytes_per_s"].as_u64().filter(|rate| *rate > 0);
        assert_eq!(slow, rate.map(|rate| (rate, plan["read"]["slow_ms"].as_u64().unwrap())), "{line}");
        assert_eq!(options.reset, plan["then"] == "reset", "{line}");
        assert_eq!(options.busy, plan["read"]["after_sending"] == true, "{line}");
    }
}
