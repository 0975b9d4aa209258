//! Asks `examples/jwt` with tokens of every kind, right ones and those that lie.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::fs;
use std::time::SystemTime;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

mod support;

use support::example::{Example, command};
use support::folder::Folder;

const SECRET: &[u8] = b"a secret that issuer and server share";
const RSA: &[u8] = include_bytes!("data/jwt-rsa.pk8");

/// An issuer with a key of each kind, and the server that trusts it.
struct Issuer {
    rsa: RsaKeyPair,
    ec: EcdsaKeyPair,
    folder: Folder,
    server: Example,
}

impl Issuer {
    fn new() -> Issuer {
        let folder = Folder::new();
        let rsa = RsaKeyPair::from_pkcs8(RSA).unwrap();
        let ec = ec_key();
        let keys = [jwk_oct("hs"), jwk_rsa("rs", &rsa), jwk_ec("es", &ec)];
        fs::write(folder.file("keys.json"), json!({ "keys": keys }).to_string()).unwrap();
        let mut command = command("jwt");
        let server = Example::listening(command.env("PORT", "0").env("JWKS", folder.file("keys.json")));
        Issuer { rsa, ec, folder, server }
    }

    /// Returns what signs with the key of this id.
    fn sign(&self, kid: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match kid {
            "hs" => hmac_of(SECRET, message),
            "rs" => {
                let mut signature = vec![0; self.rsa.public().modulus_len()];
                self.rsa.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
            "es" => self.ec.sign(&random, message).unwrap().as_ref().to_vec(),
            other => panic!("no key {other}"),
        }
    }

    fn token(&self, kid: &str, header: &Value, claims: &Value) -> String {
        token(header, claims, |message| self.sign(kid, message))
    }

    /// Returns the status and the error of the challenge.
    fn status(&self, method: &str, token: &str) -> (u16, String) {
        let authorization = format!("Bearer {token}");
        let reply = self.server.ask(method, "/notes", &[("Authorization", &authorization)], "a note");
        let challenge = reply.field("www-authenticate").to_owned();
        let error = challenge.split_once("error=\"").map_or("", |(_, rest)| rest.split('"').next().unwrap());
        (reply.status, error.to_owned())
    }

    #[track_caller]
    fn refuses(&self, token: &str, why: &str) {
        assert_eq!(self.status("GET", token), (401, "invalid_token".into()), "{why}");
    }
}

fn ec_key() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap()
}

fn url64(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn jwk_oct(kid: &str) -> Value {
    json!({ "kty": "oct", "kid": kid, "alg": "HS256", "k": url64(SECRET) })
}

fn jwk_rsa(kid: &str, key: &RsaKeyPair) -> Value {
    let public: PublicKeyComponents<Vec<u8>> = key.public().into();
    json!({ "kty": "RSA", "kid": kid, "alg": "RS256", "use": "sig", "n": url64(public.n), "e": url64(public.e) })
}

fn jwk_ec(kid: &str, key: &EcdsaKeyPair) -> Value {
    let point = key.public_key().as_ref();
    let (x, y) = (url64(&point[1..33]), url64(&point[33..]));
    json!({ "kty": "EC", "crv": "P-256", "kid": kid, "alg": "ES256", "x": x, "y": y })
}

fn hmac_of(secret: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref().to_vec()
}

fn token(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{}.{}", url64(header.to_string()), url64(claims.to_string()));
    let signature = url64(sign(message.as_bytes()));
    format!("{message}.{signature}")
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

/// Right claims, with these changes; null removes one.
fn claims(changes: &Value) -> Value {
    let mut claims = json!({
        "iss": "https://login.example", "aud": "https://notes.example", "sub": "ada", "exp": now() + 300,
        "scope": "notes:read notes:write",
    });
    for (name, value) in changes.as_object().unwrap() {
        match value.is_null() {
            true => drop(claims.as_object_mut().unwrap().remove(name)),
            false => claims[name] = value.clone(),
        }
    }
    claims
}

fn header(kid: &str) -> Value {
    json!({ "alg": format!("{}256", kid.to_uppercase()), "kid": kid, "typ": "at+jwt" })
}

#[test]
fn tokens_of_every_algorithm_are_accepted() {
    let issuer = Issuer::new();
    for kid in ["hs", "rs", "es"] {
        let token = issuer.token(kid, &header(kid), &claims(&json!({})));
        assert_eq!(issuer.status("POST", &token).0, 201, "{kid}");
    }
    let valid = |changes: Value| {
        let token = issuer.token("es", &header("es"), &claims(&changes));
        assert_eq!(issuer.status("GET", &token).0, 200, "{changes}");
    };
    valid(json!({ "aud": ["https://other.example", "https://notes.example"] }));
    valid(json!({ "exp": now() - 5 })); // within the leeway
    valid(json!({ "nbf": now() + 5 }));
    valid(json!({ "nbf": 0, "iat": 0, "jti": "1", "extra": { "a": [1] } }));
    let listed = issuer.server.ask(
        "GET",
        "/notes",
        &[("Authorization", &format!("Bearer {}", issuer.token("hs", &header("hs"), &claims(&json!({})))))],
        "",
    );
    assert_eq!(listed.json, json!(["ada: a note", "ada: a note", "ada: a note"]));
}

#[test]
fn claims_that_are_not_for_this_server_and_this_time_are_refused() {
    let issuer = Issuer::new();
    for changes in [
        json!({ "exp": now() - 60 }),
        json!({ "exp": 0 }),
        json!({ "exp": -1 }),
        json!({ "exp": null }),
        json!({ "exp": "never" }),
        json!({ "exp": format!("{}", now() + 300) }),
        json!({ "exp": [now() + 300] }),
        json!({ "exp": 1e300 }),
        json!({ "nbf": now() + 120 }),
        json!({ "nbf": "later" }),
        json!({ "nbf": u64::MAX }),
        json!({ "aud": "https://notes.example.evil.example" }),
        json!({ "aud": ["https://other.example"] }),
        json!({ "aud": [] }),
        json!({ "aud": null }),
        json!({ "aud": { "https://notes.example": 1 } }),
        json!({ "iss": "https://evil.example" }),
        json!({ "iss": "https://login.example/" }),
        json!({ "iss": null }),
        json!({ "iss": 7 }),
        json!({ "sub": null }),
        json!({ "sub": 7 }),
        json!({ "scope": ["notes:read"] }),
    ] {
        issuer.refuses(&issuer.token("es", &header("es"), &claims(&changes)), &changes.to_string());
    }
}

#[test]
fn a_scope_that_is_missing_is_403() {
    let issuer = Issuer::new();
    for (scope, get, post) in [
        (json!("notes:read"), 200, 403),
        (json!("notes:write"), 403, 201),
        (json!("notes:reads xnotes:write"), 403, 403),
        (json!(null), 403, 403),
    ] {
        let token = issuer.token("rs", &header("rs"), &claims(&json!({ "scope": scope })));
        for (method, expected) in [("GET", get), ("POST", post)] {
            let (status, error) = issuer.status(method, &token);
            assert_eq!((status, error.as_str()), (expected, if expected == 403 { "insufficient_scope" } else { "" }));
        }
    }
}

#[test]
fn headers_that_lie_are_refused() {
    let issuer = Issuer::new();
    let claims = claims(&json!({}));
    let public: PublicKeyComponents<Vec<u8>> = issuer.rsa.public().into();
    let point = issuer.ec.public_key().as_ref();
    // The public key as the secret of an HMAC: algorithm confusion.
    for (kid, secret) in [("rs", public.n.as_slice()), ("es", point), ("es", &point[1..])] {
        let forged = token(&json!({ "alg": "HS256", "kid": kid }), &claims, |message| hmac_of(secret, message));
        issuer.refuses(&forged, &format!("HMAC with the public key {kid}"));
    }
    for alg in ["none", "None", "NONE", "", "HS384", "PS256", "EdDSA", "ES384", "hs256"] {
        for kid in ["hs", "rs", "es"] {
            let header = json!({ "alg": alg, "kid": kid });
            issuer.refuses(&issuer.token(kid, &header, &claims), alg);
            issuer.refuses(&token(&header, &claims, |_| Vec::new()), alg);
        }
    }
    for header in [
        json!({ "alg": "ES256" }),
        json!({ "alg": "ES256", "kid": "other" }),
        json!({ "alg": "ES256", "kid": "ES" }),
        json!({ "alg": "ES256", "kid": "" }),
        json!({ "alg": "ES256", "kid": 7 }),
        json!({ "alg": "ES256", "kid": "../keys" }),
        json!({ "alg": "RS256", "kid": "es" }),
        json!({ "alg": "ES256", "kid": "rs" }),
        json!({ "alg": "ES256", "kid": "es", "crit": ["exp"] }),
        json!({ "alg": "ES256", "kid": "es", "crit": [] }),
        json!({ "kid": "es" }),
        json!([]),
        json!("ES256"),
    ] {
        issuer.refuses(&issuer.token("es", &header, &claims), &header.to_string());
    }
    // A key that the token brings along is not the issuer's.
    let own = ec_key();
    let mut header = header("es");
    header["jwk"] = jwk_ec("es", &own);
    let sign = |message: &[u8]| own.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec();
    issuer.refuses(&token(&header, &claims, sign), "a key in the header");
}

#[test]
fn signatures_and_texts_that_are_not_right_are_refused() {
    let issuer = Issuer::new();
    for kid in ["hs", "rs", "es"] {
        let right = issuer.token(kid, &header(kid), &claims(&json!({})));
        let parts: Vec<&str> = right.split('.').collect();
        let other = issuer.token(kid, &header(kid), &claims(&json!({ "sub": "eve" })));
        let claims_of_other = other.split('.').nth(1).unwrap();
        for (lie, why) in [
            (format!("{}.{}.", parts[0], parts[1]), "no signature"),
            (format!("{}.{}", parts[0], parts[1]), "two parts"),
            (format!("{right}.{}", parts[2]), "four parts"),
            (format!("{}.{claims_of_other}.{}", parts[0], parts[2]), "the signature of other claims"),
            (right[..right.len() - 4].to_owned(), "cut"),
            (format!("{right}AAAA"), "longer"),
            (format!("{}.{}.{}", parts[0], parts[1], url64([0; 64])), "zeros (CVE-2022-21449)"),
            (format!(".{}.{}", parts[1], parts[2]), "no header"),
            (format!("{}..{}", parts[0], parts[2]), "no claims"),
            ("...".into(), "dots"),
            (token(&header(kid), &json!(null), |message| issuer.sign(kid, message)), "claims that are null"),
            (token(&header(kid), &json!([1]), |message| issuer.sign(kid, message)), "claims that are a list"),
        ] {
            issuer.refuses(&lie, &format!("{kid}: {why}"));
        }
    }
    let huge = issuer.token("hs", &header("hs"), &claims(&json!({ "pad": "x".repeat(8_000) })));
    issuer.refuses(&huge, "huge");
    let deep = format!("{}1{}", "[".repeat(2_000), "]".repeat(2_000));
    let message = format!("{}.{}", url64(header("hs").to_string()), url64(deep));
    issuer.refuses(&format!("{message}.{}", url64(hmac_of(SECRET, message.as_bytes()))), "deep");
    let (status, error) = issuer.status("GET", "a token");
    assert_eq!((status, error.as_str()), (400, "invalid_request"), "two words");
    let quoted = BASE64_STANDARD.encode([0xff; 3]);
    issuer.refuses(&quoted, "no token at all");
}

#[test]
fn keys_rotate_while_the_server_runs() {
    let issuer = Issuer::new();
    let file = issuer.folder.file("keys.json");
    let (next, claims) = (ec_key(), claims(&json!({})));
    let sign_next = |message: &[u8]| next.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec();
    let old = issuer.token("es", &header("es"), &claims);
    let new = token(&json!({ "alg": "ES256", "kid": "2027" }), &claims, sign_next);
    issuer.refuses(&new, "a key that is not there yet");
    assert_eq!(issuer.status("GET", &old).0, 200);

    let write = |text: String| {
        fs::write(file.with_extension("new"), text).unwrap();
        fs::rename(file.with_extension("new"), &file).unwrap();
    };
    // An issuer has keys for others too (RFC 7517 §5).
    let others = [
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": "ed", "alg": "EdDSA", "x": url64([7; 32]) }),
        json!({ "kty": "RSA", "kid": "enc", "alg": "RSA-OAEP-256", "use": "enc", "n": url64([9; 256]), "e": "AQAB" }),
        json!({ "kty": "AKP", "kid": "pq", "alg": "ML-DSA-44", "pub": "AA" }),
    ];
    let keys = [&others[..], &[jwk_ec("es", &issuer.ec), jwk_ec("2027", &next)]].concat();
    write(json!({ "keys": keys }).to_string());
    assert_eq!((issuer.status("GET", &old).0, issuer.status("GET", &new).0), (200, 200));

    write("{ not JSON".into());
    assert_eq!((issuer.status("GET", &old).0, issuer.status("GET", &new).0), (200, 200), "the old keys stay");

    write(json!({ "keys": [jwk_ec("2027", &next)] }).to_string());
    issuer.refuses(&old, "a key that is gone");
    assert_eq!(issuer.status("GET", &new).0, 200);
}

#[test]
fn keys_without_a_fitting_algorithm_stop_the_program() {
    let folder = Folder::new();
    let ec = ec_key();
    let with = |changes: Value| {
        let mut jwk = jwk_ec("es", &ec);
        changes.as_object().unwrap().iter().for_each(|(name, value)| jwk[name] = value.clone());
        jwk
    };
    for jwk in [
        with(json!({ "alg": "HS256" })),
        with(json!({ "alg": "RS256" })),
        with(json!({ "alg": null })),
        with(json!({ "kid": null })),
        json!({ "kty": "oct", "kid": "a", "k": url64(SECRET) }),
    ] {
        let file = folder.file("keys.json");
        fs::write(&file, json!({ "keys": [jwk] }).to_string()).unwrap();
        let output = support::bounded::output(command("jwt").env("PORT", "0").env("JWKS", &file));
        assert!(!output.status.success(), "{jwk}");
    }
}
