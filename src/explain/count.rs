//! Writes byte counts as part of a sentence.

pub(super) fn bytes(count: u64) -> String {
    if count == 1 { "1 byte".into() } else { format!("{count} bytes") }
}

pub(super) fn are(count: usize) -> String {
    if count == 1 { "1 byte is".into() } else { format!("{count} bytes are") }
}

pub(super) fn are_count(count: usize) -> String {
    if count == 1 { "1 is".into() } else { format!("{count} are") }
}
