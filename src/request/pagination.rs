//! Pagination: the page that a request asks for, within limits, and links to its neighbours.

use std::num::IntErrorKind;

use crate::request::Request;
use crate::response::redirect::local_reference;

/// One page of a list, as `?page=2&per_page=50` asks for it.
///
/// Both numbers count from 1. A missing or invalid number becomes the default, as with Flask's
/// `type=int`; a number out of range is clamped, so that neither `per_page=-1` nor
/// `per_page=1000000` returns everything.
///
/// ```
/// use wirelight::{App, Page, Response, json};
///
/// let mut app = App::new();
/// app.get("/users", |req| {
///     let page = Page::from(req, 20, 100);
///     let data: Vec<_> = page.slice(1..=95).collect();
///     let body = json!({ "data": data, "page": page.number, "per_page": page.per_page });
///     Response::default().header("Link", page.links(95)).json(&body)
/// });
/// let reply = app.test().get("/users?sort=name&page=10&per_page=10").send();
/// assert_eq!(reply.text(), "{\"data\":[91,92,93,94,95],\"page\":10,\"per_page\":10}");
/// assert!(reply.header("Link").unwrap().contains("</users?sort=name&page=9&per_page=10>; rel=\"prev\""));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Page<'r> {
    /// The number of the page, from 1.
    pub number: u64,
    /// Entries of a page, from 1 to the cap.
    pub per_page: u64,
    path: &'r str,
    query: &'r str,
}

impl<'r> Page<'r> {
    /// Reads the page from `page` and `per_page` of the query: `default` entries if `per_page` is
    /// missing, never more than `cap`.
    pub fn from(request: &'r Request<'_>, default: u64, cap: u64) -> Page<'r> {
        Page {
            number: parameter(request, "page").unwrap_or(1).max(1),
            per_page: parameter(request, "per_page").unwrap_or(default).clamp(1, cap.max(1)),
            path: request.raw_path(),
            query: request.query_string(),
        }
    }

    /// Returns the number of entries before this page: SQL's OFFSET, which is limited to a signed
    /// number.
    pub fn offset(&self) -> u64 {
        self.number.saturating_sub(1).saturating_mul(self.per_page).min(i64::MAX as u64)
    }

    /// Returns the entries of this page, of a list in memory.
    pub fn slice<I: IntoIterator>(&self, list: I) -> impl Iterator<Item = I::Item> + use<I> {
        let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        list.into_iter().skip(count(self.offset())).take(count(self.per_page))
    }

    /// Returns the value of a Link field (RFC 8288) for a list of `total` entries: `first`, `prev`,
    /// `next` and `last`, as far as they exist. Keeps the other query parameters.
    pub fn links(&self, total: u64) -> String {
        let last = total.div_ceil(self.per_page.max(1)).max(1);
        let prev = (self.number > 1).then(|| last.min(self.number - 1));
        let next = (self.number < last).then(|| self.number + 1);
        let links = [(Some(1), "first"), (prev, "prev"), (next, "next"), (Some(last), "last")];
        let links =
            links.into_iter().filter_map(|(number, rel)| Some(format!("<{}>; rel=\"{rel}\"", self.link(number?))));
        links.collect::<Vec<_>>().join(", ")
    }

    /// Builds one link. Bytes of the request target need no escape here: a head with `<`, `>`, `"`
    /// or controls in it is rejected.
    fn link(&self, number: u64) -> String {
        let mut link = local_reference(self.path) + "?";
        for piece in self.query.split('&') {
            let name = form_urlencoded::parse(piece.as_bytes()).next().map(|(name, _)| name);
            if name.is_some_and(|name| name != "page" && name != "per_page") {
                link.extend([piece, "&"]);
            }
        }
        link + &format!("page={number}&per_page={}", self.per_page)
    }
}

/// Parses a number and saturates if it does not fit; Python's integers are unbounded.
fn parameter(request: &Request<'_>, name: &str) -> Option<u64> {
    let number = request.query(name)?.trim().parse::<i64>().or_else(|error| match error.kind() {
        IntErrorKind::PosOverflow => Ok(i64::MAX),
        IntErrorKind::NegOverflow => Ok(i64::MIN),
        _ => Err(error),
    });
    Some(u64::try_from(number.ok()?).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::App;
    use proptest::prelude::*;

    fn app() -> App {
        let mut app = App::new();
        app.get("/{path:path}", |req| {
            let page = Page::from(req, 20, 100);
            format!("{} {} {} {}", page.number, page.per_page, page.offset(), page.links(95))
        });
        app
    }

    #[test]
    fn numbers_are_clamped() {
        let app = app();
        for (query, numbers) in [
            ("", "1 20 0"),
            ("page=2", "2 20 20"),
            ("page=2&per_page=50", "2 50 50"),
            ("page=2&page=3", "2 20 20"),
            ("page=x&per_page=1.5", "1 20 0"),
            ("page=&per_page=", "1 20 0"),
            ("page=+2&per_page=%2B5", "2 5 5"),
            ("page=0&per_page=0", "1 1 0"),
            ("page=-1&per_page=-1", "1 1 0"),
            ("per_page=101", "1 100 0"),
            ("page=99999999999999999999&per_page=99999999999999999999", "9223372036854775807 100 9223372036854775807"),
            ("page=-99999999999999999999&per_page=-99999999999999999999", "1 1 0"),
            ("page=%ff&per_page=%00", "1 20 0"),
        ] {
            let reply = app.test().get(&format!("/x?{query}")).send();
            assert!(reply.text().starts_with(&format!("{numbers} <")), "{query}: {}", reply.text());
        }
    }

    #[test]
    fn links_keep_the_query() {
        let app = app();
        for (target, links) in [
            (
                "/x",
                "</x?page=1&per_page=20>; rel=\"first\", </x?page=2&per_page=20>; rel=\"next\", </x?page=5&per_page=20>; rel=\"last\"",
            ),
            (
                "/x?a=%26,;&p%61ge=5&&b=+",
                "</x?a=%26,;&b=+&page=1&per_page=20>; rel=\"first\", </x?a=%26,;&b=+&page=4&per_page=20>; rel=\"prev\", \
                 </x?a=%26,;&b=+&page=5&per_page=20>; rel=\"last\"",
            ),
            (
                "//evil/x?page=77&per_page=95",
                "</evil/x?page=1&per_page=95>; rel=\"first\", </evil/x?page=1&per_page=95>; rel=\"prev\", \
                 </evil/x?page=1&per_page=95>; rel=\"last\"",
            ),
        ] {
            let reply = app.test().get(target).send();
            assert_eq!(reply.text().splitn(4, ' ').nth(3), Some(links), "{target}");
        }
    }

    #[test]
    fn pages_cut_a_list() {
        let page = |number, per_page| Page { number, per_page, path: "/", query: "" };
        assert_eq!(page(1, 2).slice([1, 2, 3]).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(page(2, 2).slice([1, 2, 3]).collect::<Vec<_>>(), [3]);
        assert_eq!(page(u64::MAX, u64::MAX).slice([1, 2, 3]).collect::<Vec<_>>(), [0; 0]);
        assert_eq!(page(1, 2).links(0), "</?page=1&per_page=2>; rel=\"first\", </?page=1&per_page=2>; rel=\"last\"");
    }

    proptest! {
        #[test]
        fn the_pages_are_the_list(list in prop::collection::vec(0..9, 0..40), per_page in 1..9_u64) {
            let pages = (1..=41).map(|number| Page { number, per_page, path: "/", query: "" });
            prop_assert_eq!(pages.flat_map(|page| page.slice(list.clone())).collect::<Vec<_>>(), list);
        }
    }
}
