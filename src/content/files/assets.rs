//! Files that are part of the program: a table of names and bytes.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::CODINGS;
use super::known::media_type;
use crate::request::Request;
use crate::response::Response;
use crate::response::etag;

/// Files by name: segments joined by slashes.
#[derive(Debug)]
pub(super) struct Assets(BTreeMap<String, Asset>);

/// The content of a file, and the tag of its state.
#[derive(Debug)]
pub(super) struct Asset {
    bytes: AssetBytes,
    tag: String,
}

#[derive(Debug)]
enum AssetBytes {
    Static(&'static [u8]),
    Shared(Arc<[u8]>),
}

/// What a name leads to.
pub(super) enum Found<'a> {
    File(&'a str, &'a Asset),
    Directory,
}

impl Assets {
    pub(super) fn new<N, B>(files: impl IntoIterator<Item = (N, B)>) -> Assets
    where
        N: Into<Cow<'static, str>>,
        B: Into<Cow<'static, [u8]>>,
    {
        let asset = |(name, bytes): (N, B)| {
            let (name, bytes) = (name.into().replace('\\', "/"), bytes.into());
            let tag = etag::of(&bytes);
            let bytes = match bytes {
                Cow::Borrowed(bytes) => AssetBytes::Static(bytes),
                Cow::Owned(bytes) => AssetBytes::Shared(bytes.into()),
            };
            let name = name.strip_prefix("./").unwrap_or(&name).trim_start_matches('/').to_owned();
            (name, Asset { bytes, tag })
        };
        Assets(files.into_iter().map(asset).collect())
    }

    /// Returns the file or directory of these decoded segments.
    pub(super) fn find(&self, segments: &[&str]) -> Option<Found<'_>> {
        let name = segments.join("/");
        if let Some((name, asset)) = self.0.get_key_value(&name) {
            return Some(Found::File(name, asset));
        }
        let inside = if name.is_empty() { name } else { name + "/" };
        let next = self.0.range(inside.clone()..).next();
        next.filter(|(name, _)| name.starts_with(&inside)).map(|_| Found::Directory)
    }

    /// Returns the response that sends a file, or a compressed form of it. Its conditions and
    /// ranges are evaluated as those of any response.
    pub(super) fn send(&self, name: &str, plain: &Asset, precompressed: bool, request: &Request<'_>) -> Response {
        let mut response = Response::default();
        let sibling =
            |(coding, suffix): &(&'static str, &str)| Some((*coding, self.0.get(&format!("{name}{suffix}"))?));
        let siblings: Vec<_> = CODINGS.iter().filter(|_| precompressed).filter_map(sibling).collect();
        // One state for all forms; it changes when the bytes of any of them change.
        let forms = std::iter::once(plain).chain(siblings.iter().map(|(_, form)| *form));
        let state = forms.map(|form| form.tag.as_str()).collect::<Vec<_>>().join(".");
        let (mut coding, mut sent) = ("identity", plain);
        if !siblings.is_empty() {
            response.add_vary("Accept-Encoding");
            let offers: Vec<_> = siblings.iter().map(|(coding, _)| *coding).chain([coding]).collect();
            let chosen = request.accepts_encoding(&offers);
            if let Some((chosen, form)) = siblings.into_iter().find(|(coding, _)| Some(*coding) == chosen) {
                response.set_header("Content-Encoding", chosen);
                (coding, sent) = (chosen, form);
            }
        }
        response.set_header("Content-Type", media_type(Path::new(name)));
        let tag = format!("\"{state}\"");
        response.set_header("ETag", etag::with_coding(tag.as_bytes(), coding).unwrap_or_default());
        response.set_header("Accept-Ranges", "bytes");
        match &sent.bytes {
            AssetBytes::Static(bytes) => response.static_bytes(bytes),
            AssetBytes::Shared(bytes) => response.shared_bytes(bytes.clone()),
        }
        response
    }
}
