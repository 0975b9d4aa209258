//! Seals values that a client keeps: encrypted, authenticated, for one purpose and for some time.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use ring::rand::{SecureRandom, SystemRandom};

use super::config_error;
use crate::bytes::base64;
use crate::response::error::Result;

/// Shortest secret, in bytes: that of 256 random bits.
const MIN_SECRET: usize = 32;
const SALT: usize = 16;

/// Secrets that seal what a client keeps: [sessions](crate::middleware::Sessions), cookies, the
/// link that resets a password. A client can neither read nor change a sealed value, nor use it for
/// another purpose or after its time. It can use it again until then.
///
/// A token is `salt ‖ expiry and value, encrypted`, in base64url: 54 characters, and 4 for each 3
/// bytes of the value. Each has a key of its own, made from secret, purpose and random salt by HKDF
/// (RFC 5869); the encryption is ChaCha20-Poly1305 (RFC 8439). No number of tokens wears a secret
/// out, as it would with one key and random nonces.
///
/// ```
/// use std::time::Duration;
/// use wirelight::middleware::Keyring;
///
/// let keys = Keyring::new(["5f2d7c1e09a84b36…: from the environment, openssl rand -hex 32"]);
/// let hour = Duration::from_secs(3600);
/// let token = keys.seal("reset password", "user 7", hour)?;
/// assert_eq!(keys.open("reset password", &token).as_deref(), Some("user 7"));
/// assert_eq!(keys.open("unsubscribe", &token), None);
/// # Ok::<(), wirelight::Error>(())
/// ```
#[derive(Clone)]
pub struct Keyring {
    newest: Arc<[u8]>,
    older: Arc<[Arc<[u8]>]>,
}

impl Keyring {
    /// Creates a keyring. The first secret seals, all of them open. To change a secret, put the new
    /// one before it; remove the old one when what it sealed has expired.
    ///
    /// # Panics
    /// When there is none, or one has less than 32 bytes. They should be random, from
    /// `openssl rand -hex 32` for instance, and not stand in the source.
    #[track_caller]
    pub fn new<S: AsRef<[u8]>>(secrets: impl IntoIterator<Item = S>) -> Keyring {
        let mut secrets = secrets.into_iter().map(|secret| Arc::from(secret.as_ref()));
        let newest = secrets.next().unwrap_or_default();
        let older: Arc<[Arc<[u8]>]> = secrets.collect();
        if [&newest].into_iter().chain(older.iter()).any(|secret| secret.len() < MIN_SECRET) {
            config_error(format_args!("a keyring needs secrets of at least {MIN_SECRET} bytes"));
        }
        Keyring { newest, older }
    }

    /// Creates a keyring with a random secret: what it sealed cannot be opened after a restart or
    /// by another process.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn random() -> io::Result<Keyring> {
        Ok(Keyring { newest: Arc::new(random_bytes::<MIN_SECRET>()?), older: Arc::default() })
    }

    /// Seals a value for a purpose and a time. The purpose is not secret: a name of what the value
    /// is for, such as the name of a cookie.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn seal(&self, purpose: &str, value: &str, lifetime: Duration) -> Result<String> {
        self.seal_at(unix_time(), purpose, value, lifetime)
    }

    /// Opens a sealed value. `None` if it was not sealed by one of the secrets for this purpose,
    /// was changed, or is expired.
    pub fn open(&self, purpose: &str, token: &str) -> Option<String> {
        self.open_at(unix_time(), purpose, token)
    }

    fn seal_at(&self, now: Duration, purpose: &str, value: &str, lifetime: Duration) -> Result<String> {
        let salt = random_bytes::<SALT>()?;
        let expires = now.saturating_add(lifetime).as_secs();
        let mut sealed = [&expires.to_be_bytes(), value.as_bytes()].concat();
        let (key, nonce) = key(&self.newest, purpose, &salt)?;
        key.seal_in_place_append_tag(nonce, Aad::empty(), &mut sealed)?;
        Ok(base64::encode_url(&[&salt[..], &sealed].concat()))
    }

    fn open_at(&self, now: Duration, purpose: &str, token: &str) -> Option<String> {
        let bytes = base64::decode_url(token.as_bytes())?;
        let (salt, sealed) = bytes.split_at_checked(SALT)?;
        let opened = [&self.newest].into_iter().chain(self.older.iter()).find_map(|secret| {
            let (key, nonce) = key(secret, purpose, salt).ok()?;
            let mut bytes = sealed.to_vec();
            Some(key.open_in_place(nonce, Aad::empty(), &mut bytes).ok()?.to_vec())
        })?;
        let (expires, value) = opened.split_first_chunk()?;
        let is_fresh = now < Duration::from_secs(u64::from_be_bytes(*expires));
        if is_fresh { String::from_utf8(value.to_vec()).ok() } else { None }
    }
}

/// Derives the key of one token. It is used once, so the nonce may be constant.
fn key(secret: &[u8], purpose: &str, salt: &[u8]) -> Result<(LessSafeKey, Nonce), ring::error::Unspecified> {
    let info = [b"wirelight seal 1: ", purpose.as_bytes()];
    let key = Salt::new(HKDF_SHA256, salt).extract(secret).expand(&info, &CHACHA20_POLY1305).map(UnboundKey::from)?;
    Ok((LessSafeKey::new(key), Nonce::assume_unique_for_key([0; 12])))
}

pub(super) fn random_bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| io::Error::other("the system has no random numbers"))?;
    Ok(bytes)
}

/// Returns the time since 1970; zero for a clock before it, which lets nothing expire early.
fn unix_time() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OLD: &str = "old secret of 32 bytes or longer";
    const NEW: &str = "new secret of 32 bytes or longer";
    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn a_value_opens_until_its_time_is_over() {
        let keys = Keyring::new([OLD]);
        let now = Duration::new(1_000, 500_000_000);
        let token = keys.seal_at(now, "id", "7", HOUR).unwrap();
        for (seconds, expected) in
            [(0, Some("7")), (1_000, Some("7")), (4_599, Some("7")), (4_600, None), (9_999, None)]
        {
            assert_eq!(keys.open_at(Duration::from_secs(seconds), "id", &token).as_deref(), expected, "{seconds} s");
        }
        let never = keys.seal("id", "7", Duration::ZERO).unwrap();
        assert_eq!(keys.open("id", &never), None);
        let forever = keys.seal("id", "7", Duration::MAX).unwrap();
        assert_eq!(keys.open("id", &forever).as_deref(), Some("7"));
    }

    #[test]
    fn secrets_rotate() {
        let before = Keyring::new([OLD]).seal("id", "7", HOUR).unwrap();
        let between = Keyring::new([NEW, OLD]);
        assert_eq!(between.open("id", &before).as_deref(), Some("7"));
        let after = between.seal("id", "8", HOUR).unwrap();
        assert_eq!(Keyring::new([NEW]).open("id", &after).as_deref(), Some("8"));
        assert_eq!(Keyring::new([OLD]).open("id", &after), None);
        assert_eq!(Keyring::new([NEW]).open("id", &before), None);
        assert_eq!(Keyring::random().unwrap().open("id", &before), None);
    }

    #[test]
    fn a_token_is_for_one_purpose_and_is_not_made_twice() {
        let keys = Keyring::new([OLD]);
        let tokens = [keys.seal("ab", "c", HOUR).unwrap(), keys.seal("ab", "c", HOUR).unwrap()];
        assert_ne!(tokens[0], tokens[1]);
        for purpose in ["", "a", "abc", "AB", "ab\0"] {
            assert_eq!(keys.open(purpose, &tokens[0]), None, "{purpose:?}");
        }
    }

    #[test]
    fn a_changed_or_cut_token_does_not_open() {
        let keys = Keyring::new([OLD]);
        let token = keys.seal("id", "user 7", HOUR).unwrap();
        assert_eq!(token.len(), 54 + 8);
        for at in 0..token.len() {
            assert_eq!(keys.open("id", &token[..at]), None, "cut at {at}");
            for other in ["A", "B", "-", "_", "=", "+", " ", "é"] {
                let changed = format!("{}{other}{}", &token[..at], &token[at + 1..]);
                assert_eq!(keys.open("id", &changed).is_some(), changed == token, "{changed}");
            }
        }
        for odd in [format!("{token}A"), format!("{token}{token}"), format!("{token}=="), "A".repeat(16_000)] {
            assert_eq!(keys.open("id", &odd), None, "{odd}");
        }
    }

    #[test]
    fn a_weak_secret_stops_the_program() {
        for secrets in [&[][..], &["x".repeat(31)], &[OLD.to_owned(), String::new()]] {
            assert!(std::panic::catch_unwind(|| Keyring::new(secrets)).is_err(), "{secrets:?}");
        }
    }

    proptest! {
        #[test]
        fn any_value_comes_back(value in any::<String>(), purpose in any::<String>()) {
            let keys = Keyring::new([NEW, OLD]);
            let token = keys.seal(&purpose, &value, HOUR).unwrap();
            prop_assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
            prop_assert_eq!(keys.open(&purpose, &token), Some(value));
        }

        #[test]
        fn no_text_is_opened(token in any::<String>()) {
            prop_assert_eq!(Keyring::new([OLD]).open("id", &token), None);
        }
    }
}
