//! The keys of the issuer, and what a token must be to be accepted.

use std::path::PathBuf;
use std::sync::{PoisonError, RwLock};
use std::time::SystemTime;
use std::{error, fs, io};

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, KeyAlgorithm};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::Value;

const ISSUER: &str = "https://login.example";
const AUDIENCE: &str = "https://notes.example";
/// How far the clocks of issuer and server may differ, in seconds.
const LEEWAY: u64 = 30;
/// Longest token, in bytes: nothing longer is decoded.
const MAX_TOKEN: usize = 4096;

/// What a handler knows of the token's user.
#[derive(Clone, Deserialize)]
pub struct Claims {
    pub sub: String,
    #[serde(default)]
    scope: String,
}

impl Claims {
    pub fn has_scope(&self, needed: &str) -> bool {
        self.scope.split(' ').any(|scope| scope == needed)
    }
}

/// The keys of a file, which is read again when it has changed: the issuer adds a key before it
/// signs with it, and removes it when the last token has expired.
pub struct Keys {
    path: PathBuf,
    loaded: RwLock<(Version, Vec<Key>)>,
}

type Version = (SystemTime, u64);

/// A key, and the only algorithm that it is for.
struct Key {
    id: String,
    key: DecodingKey,
    validation: Validation,
}

impl Keys {
    pub fn load(path: &str) -> Result<Keys, Box<dyn error::Error>> {
        let path = PathBuf::from(path);
        let loaded = (version(&path)?, read(&path)?); // in this order: the file may change meanwhile
        Ok(Keys { loaded: RwLock::new(loaded), path })
    }

    /// Returns the claims of a token that a key of the issuer signed for this server and for now.
    pub fn verify(&self, token: &str) -> Option<Claims> {
        if token.len() > MAX_TOKEN {
            return None;
        }
        let header = decode_header(token).ok()?;
        // An extension that must be understood, and is not (RFC 7515 §4.1.11).
        if header.crit.is_some() {
            return None;
        }
        self.refresh();
        let loaded = self.loaded.read().unwrap_or_else(PoisonError::into_inner);
        let key = loaded.1.iter().find(|key| Some(&key.id) == header.kid.as_ref())?;
        // The key decides on the algorithm, not the header: `none`, and an HMAC with a public key as
        // its secret, are refused here.
        Some(decode::<Claims>(token, &key.key, &key.validation).ok()?.claims)
    }

    /// Reads the file again if it is another one. A file that cannot be read leaves the old keys.
    fn refresh(&self) {
        let Ok(now) = version(&self.path) else { return };
        if self.loaded.read().unwrap_or_else(PoisonError::into_inner).0 == now {
            return;
        }
        match read(&self.path) {
            Ok(keys) => *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = (now, keys),
            Err(error) => eprintln!("{}: {error}", self.path.display()),
        }
    }
}

fn version(path: &PathBuf) -> io::Result<Version> {
    let metadata = fs::metadata(path)?;
    Ok((metadata.modified()?, metadata.len()))
}

/// Reads the keys. Those for other algorithms, which an issuer may have too, are left out (RFC 7517
/// §5).
fn read(path: &PathBuf) -> Result<Vec<Key>, Box<dyn error::Error>> {
    let set: Value = serde_json::from_slice(&fs::read(path)?)?;
    let all = set["keys"].as_array().ok_or("the list of keys is missing")?;
    let is_ours = |jwk: &&Value| jwk["alg"].as_str().is_none_or(|alg| ["HS256", "RS256", "ES256"].contains(&alg));
    all.iter().filter(is_ours).map(|jwk| key(&Jwk::deserialize(jwk)?)).collect()
}

fn key(jwk: &Jwk) -> Result<Key, Box<dyn error::Error>> {
    let id = jwk.common.key_id.clone().ok_or("a key has no kid")?;
    let algorithm = match (jwk.common.key_algorithm, &jwk.algorithm) {
        (Some(KeyAlgorithm::HS256), AlgorithmParameters::OctetKey(_)) => Algorithm::HS256,
        (Some(KeyAlgorithm::RS256), AlgorithmParameters::RSA(_)) => Algorithm::RS256,
        (Some(KeyAlgorithm::ES256), AlgorithmParameters::EllipticCurve(_)) => Algorithm::ES256,
        _ => return Err(format!("the key {id:?} needs an alg that fits it: HS256, RS256 or ES256").into()),
    };
    let mut validation = Validation::new(algorithm);
    validation.leeway = LEEWAY;
    validation.validate_nbf = true;
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    Ok(Key { id, key: DecodingKey::from_jwk(jwk)?, validation })
}
