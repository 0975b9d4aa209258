//! Deserialises the query, the path parameters or a form into a type of the application. An error
//! names every wrong field.

mod input;
mod problem;
mod strict;

use std::borrow::Cow;

use serde_core::de::DeserializeOwned;
use serde_json::Value;

use crate::http1::status::StatusCode;
use crate::request::Request;
use crate::response::error::{Error, Result};
use input::{Fields, Input, Raw};
use problem::Wrong;
pub(super) use problem::shortened;
pub(super) use strict::Strict;

/// Maximum number of wrong fields that an error names. Each costs one pass.
const MAX_WRONG: usize = 20;

/// Maximum size in bytes of a JSON text that is read again to name every wrong field: as a
/// [`Value`], a text can take 16 times its size.
const MAX_JSON: usize = 64 * 1024;

impl Request<'_> {
    /// Deserialises the query into a struct. A name that is repeated fills a list. An `Option` is
    /// `None` when its parameter is missing or empty (`?page=`). A list may be missing if the type
    /// says `#[serde(default)]`.
    ///
    /// # Errors
    /// 422 with every wrong parameter in [`details`](Error::details), at most 20 of them. A missing
    /// one is not named if the type of another one accepts no placeholder.
    ///
    /// ```
    /// use wirelight::{App, Request, Result, json};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Search {
    ///     q: String,
    ///     page: Option<u32>,
    ///     #[serde(default)]
    ///     tag: Vec<String>,
    /// }
    ///
    /// fn search(req: &Request) -> Result<String> {
    ///     let search: Search = req.query_as()?;
    ///     Ok(format!("{} {:?} {:?}", search.q, search.page, search.tag))
    /// }
    ///
    /// let mut app = App::new();
    /// app.get("/search", search);
    /// assert_eq!(app.test().get("/search?q=tea&tag=a&tag=b").send().text(), r#"tea None ["a", "b"]"#);
    ///
    /// let refused = app.test().get("/search?page=x").send();
    /// assert_eq!(refused.status(), 422);
    /// let details = json!({ "page": "Must be an integer from 0 to 4294967295", "q": "Required" });
    /// assert_eq!(refused.json::<serde_json::Value>()["details"], details);
    /// ```
    pub fn query_as<T: DeserializeOwned>(&self) -> Result<T> {
        from_pairs(self.query_pairs(), "The query parameters are not valid.")
    }

    /// Deserialises the parameters of the route's pattern into a struct.
    ///
    /// # Errors
    /// 422 with every wrong parameter in [`details`](Error::details). [`param`](Request::param)
    /// returns 404 instead: to it, the path names nothing.
    ///
    /// ```
    /// use wirelight::{App, Request, Result};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Day { year: u16, month: u8 }
    ///
    /// let mut app = App::new();
    /// app.get("/{year:int}/{month:int}", |req: &Request| -> Result<String> {
    ///     let day: Day = req.params_as()?;
    ///     Ok(format!("{} of {}", day.month, day.year))
    /// });
    /// assert_eq!(app.test().get("/2026/11").send().text(), "11 of 2026");
    /// assert_eq!(app.test().get("/2026/300").send().status(), 422);
    /// ```
    pub fn params_as<T: DeserializeOwned>(&self) -> Result<T> {
        let names = self.matched_route().into_iter().flat_map(|route| route.pattern.params());
        let pairs = names.filter_map(|name| Some((Cow::Borrowed(name), self.param_text(name)?)));
        from_pairs(pairs, "The path parameters are not valid.")
    }

    /// Deserialises the fields of a form, urlencoded or multipart, into a struct, as
    /// [`query_as`](Request::query_as) does. Files are left out.
    ///
    /// # Errors
    /// 415 when the Content-Type is not a form's, or when the body has a Content-Encoding; as
    /// [`parts`](Request::parts) when a multipart form is malformed; 422 with every wrong field in
    /// [`details`](Error::details).
    ///
    /// ```
    /// use wirelight::{App, Request, Result};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Login { name: String, #[serde(default)] keep: bool }
    ///
    /// let mut app = App::new();
    /// app.post("/login", |req: &Request| -> Result<String> {
    ///     let login: Login = req.form_as()?;
    ///     Ok(format!("{} {}", login.name, login.keep))
    /// });
    /// let client = app.test();
    /// assert_eq!(client.post("/login").form(&[("name", "Zoë"), ("keep", "on")]).send().text(), "Zoë true");
    /// assert_eq!(client.post("/login").form(&[("keep", "maybe")]).send().status(), 422);
    /// assert_eq!(client.post("/login").send().status(), 415);
    /// ```
    pub fn form_as<T: DeserializeOwned>(&self) -> Result<T> {
        if !self.is_form() {
            return Err(Error::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "The Content-Type is not that of a form."));
        }
        self.unencoded_body()?;
        if self.parsed_multipart().is_some() {
            self.parts()?;
        }
        from_pairs(self.form_pairs(), "The form is not valid.")
    }
}

/// Returns what is wrong with a JSON text that does not fit `T`, if the text is JSON and short.
#[cold]
#[inline(never)]
pub(super) fn wrong_fields<T: DeserializeOwned>(json: &[u8]) -> Option<Wrong> {
    let value: Value =
        Some(json).filter(|json| json.len() <= MAX_JSON).and_then(|json| serde_json::from_slice(json).ok())?;
    deserialize::<T>(Raw::Json(&value)).err()
}

fn from_pairs<'r, T: DeserializeOwned>(
    pairs: impl Iterator<Item = (Cow<'r, str>, Cow<'r, str>)>,
    refusal: &'static str,
) -> Result<T> {
    let mut fields = Fields::new();
    for (name, value) in pairs {
        fields.entry(name).or_default().push(value);
    }
    deserialize(Raw::Fields(&fields)).map_err(|wrong| match (wrong.details(), wrong.message()) {
        (Some(details), _) => Error::unprocessable(refusal, details),
        (None, whole) => {
            Error::new(StatusCode::UNPROCESSABLE_ENTITY, format!("{refusal} {}.", whole.unwrap_or_default()))
        }
    })
}

/// Deserialises again and again. A `Deserialize` stops at its first error, so the next pass puts a
/// placeholder in the place of each value that is known to be wrong or missing. A pass with
/// placeholders never returns a value.
fn deserialize<T: DeserializeOwned>(raw: Raw<'_>) -> std::result::Result<T, Wrong> {
    let mut wrong = Wrong::default();
    for _ in 0..MAX_WRONG {
        let problem = match T::deserialize(Input::root(raw, &wrong)) {
            Ok(value) if wrong.is_empty() => return Ok(value),
            Ok(_) => break,
            Err(problem) => problem,
        };
        if !wrong.add(problem) {
            break; // a placeholder was refused
        }
    }
    Err(wrong)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};
    use std::num::NonZeroU8;

    use proptest::prelude::*;
    use serde::Deserialize;
    use serde::de::DeserializeOwned;
    use serde_json::{Value, json};

    use super::{MAX_WRONG, Raw, deserialize, wrong_fields};
    use crate::{App, Request, Result};

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Sort {
        Name,
        Date,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "read by Debug")]
    struct Search {
        q: String,
        page: Option<u32>,
        #[serde(default)]
        tag: Vec<u8>,
        #[serde(default)]
        exact: bool,
        sort: Option<Sort>,
        near: Option<(f64, f64)>,
        letter: Option<char>,
        id: Option<NonZeroU8>,
    }

    fn app() -> App {
        let mut app = App::new();
        app.get("/search", |req| req.query_as().map(|search: Search| format!("{search:?}")));
        app.get("/map", |req| req.query_as().map(|map: BTreeMap<u8, String>| format!("{map:?}")));
        app.get("/pair/{a:int}/{b}", |req| req.params_as().map(|pair: (BTreeMap<String, u8>,)| format!("{pair:?}")));
        app.get("/day/{year:int}/{month:int}", |req: &Request<'_>| -> Result<String> {
            #[derive(Deserialize)]
            struct Day {
                year: u16,
                month: u8,
            }
            req.params_as().map(|Day { year, month }| format!("{month} {year}"))
        });
        app.post("/form", |req| req.form_as().map(|search: Search| search.q));
        app
    }

    /// Returns the details of a 422, or the text of another response.
    fn ask(target: &str) -> Value {
        let reply = app().test().get(target).send();
        match reply.status().as_u16() {
            422 => {
                let page: Value = reply.json();
                page.get("details").unwrap_or(&page["message"]).clone()
            }
            status => format!("{status} {}", reply.text()).into(),
        }
    }

    fn read(text: &str) -> String {
        let text = ask(&format!("/search?q=tea&{text}"));
        let text = text.as_str().unwrap_or_else(|| panic!("{text}"));
        text.strip_prefix("200 Search { q: \"tea\", ").unwrap().to_owned()
    }

    #[test]
    fn a_query_fills_a_struct() {
        let nothing = "page: None, tag: [], exact: false, sort: None, near: None, letter: None, id: None }";
        for (query, said) in [
            ("", nothing.to_owned()),
            ("other=1&page=&sort=&near=&letter=&id=", nothing.into()),
            ("page=7", nothing.replace("page: None", "page: Some(7)")),
            ("page=007", nothing.replace("page: None", "page: Some(7)")),
            ("%70age=%37", nothing.replace("page: None", "page: Some(7)")),
            ("tag=1", nothing.replace("[]", "[1]")),
            ("tag=1&page=7&tag=2", nothing.replace("[]", "[1, 2]").replace("page: None", "page: Some(7)")),
            ("exact=true", nothing.replace("false", "true")),
            ("exact=on", nothing.replace("false", "true")),
            ("sort=date", nothing.replace("sort: None", "sort: Some(Date)")),
            ("near=1.5&near=-2", nothing.replace("near: None", "near: Some((1.5, -2.0))")),
            ("letter=%C3%A9", nothing.replace("letter: None", "letter: Some('é')")),
            ("id=1", nothing.replace("id: None", "id: Some(1)")),
        ] {
            assert_eq!(read(query), said, "{query}");
        }
        assert_eq!(ask("/map?1=a&2=b&1=a"), json!({ "1": "Must be given once" }));
        assert_eq!(ask("/map?1=a&2=b"), json!("200 {1: \"a\", 2: \"b\"}"));
        assert_eq!(ask("/day/2026/11"), json!("200 11 2026"));
    }

    #[test]
    fn every_wrong_parameter_is_named() {
        let page = "Must be an integer from 0 to 4294967295";
        for (target, details) in [
            ("/search", json!({ "q": "Required" })),
            ("/search?q=a&q=b", json!({ "q": "Must be given once" })),
            ("/search?page=x", json!({ "q": "Required", "page": page })),
            ("/search?q=a&page=-1", json!({ "page": page })),
            ("/search?q=a&page=%2B1", json!({ "page": page })),
            ("/search?q=a&page=1.0", json!({ "page": page })),
            ("/search?q=a&page=4294967296", json!({ "page": page })),
            ("/search?q=a&page=99999999999999999999999999999999999999999", json!({ "page": page })),
            ("/search?q=a&page=1&page=2", json!({ "page": "Must be given once" })),
            ("/search?q=a&tag=1&tag=x&tag=256&tag=", {
                let number = "Must be an integer from 0 to 255";
                json!({ "tag.1": number, "tag.2": number, "tag.3": number })
            }),
            ("/search?q=a&exact=1", json!({ "exact": "Must be true or false" })),
            ("/search?q=a&sort=size", json!({ "sort": "Must be one of: name, date" })),
            ("/search?q=a&near=1", json!({ "near": "Must be a tuple of size 2" })),
            ("/search?q=a&near=1&near=inf", json!({ "near.1": "Must be a number" })),
            ("/search?q=a&letter=ab", json!({ "letter": "Must be a character" })),
            ("/search?id=0&page=x&exact=2&sort=x&near=x&near=1e999&letter=", {
                json!({
                    "q": "Required", "id": "Must be an integer other than 0", "page": page, "exact": "Must be true or false",
                    "sort": "Must be one of: name, date", "near.0": "Must be a number", "near.1": "Must be a number",
                })
            }),
            ("/map?x=1&1=a&256=b&2=c&2=d", {
                let number = "The name must be an integer from 0 to 255";
                json!({ "x": number, "256": number, "2": "Must be given once" })
            }),
            ("/day/99999/256", {
                json!({ "year": "Must be an integer from 0 to 65535", "month": "Must be an integer from 0 to 255" })
            }),
            ("/pair/1/2", json!("The path parameters are not valid. Must be a list.")),
        ] {
            assert_eq!(ask(target), details, "{target}");
        }
    }

    #[test]
    fn forms_urlencoded_and_multipart() {
        let app = app();
        let part = |name: &str, value: &str| {
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let parts = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| part(name, value)).chain(["--b--\r\n".to_owned()]).collect::<String>()
        };
        let multipart = "multipart/form-data; boundary=b";
        let urlencoded = "application/x-www-form-urlencoded";
        let wrong = json!({ "q": "Required", "exact": "Must be true or false" });
        for (media_type, body, status, details) in [
            (urlencoded, "q=tea&tag=1".to_owned(), 200, Value::Null),
            (urlencoded, "exact=2".into(), 422, wrong.clone()),
            (urlencoded, String::new(), 422, json!({ "q": "Required" })),
            (multipart, parts(&[("q", "tea")]), 200, Value::Null),
            (multipart, parts(&[("exact", "2")]), 422, wrong),
            (multipart, "--b".into(), 400, json!("The multipart body ends before its last boundary.")),
            ("multipart/form-data", parts(&[]), 415, Value::Null),
            ("application/json", "{}".into(), 415, Value::Null),
        ] {
            let reply = app.test().post("/form").body(media_type, &body).send();
            assert_eq!(reply.status().as_u16(), status, "{media_type} {body}: {}", reply.text());
            if status == 422 {
                assert_eq!(reply.json::<Value>()["details"], details, "{media_type} {body}");
            }
        }
        let coded = app.test().post("/form").header("Content-Encoding", "gzip").body(urlencoded, "q=tea").send();
        assert_eq!(coded.status(), 415);
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "the tests read errors")]
    struct Order {
        id: u64,
        #[serde(alias = "to")]
        address: Address,
        items: Vec<Item>,
        paid: Payment,
        note: Option<String>,
        extra: HashMap<String, i8>,
        next: Option<Box<Order>>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(try_from = "RawAddress")]
    #[expect(dead_code, reason = "the tests read errors")]
    struct Address(RawAddress);

    #[derive(Debug, Deserialize)]
    struct RawAddress {
        zip: String,
        city: String,
    }

    impl TryFrom<RawAddress> for Address {
        type Error = &'static str;

        fn try_from(raw: RawAddress) -> std::result::Result<Address, &'static str> {
            if raw.zip.len() == raw.city.len() { Err("zip and city do not belong together") } else { Ok(Address(raw)) }
        }
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "the tests read errors")]
    struct Item {
        name: String,
        price: f32,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "the tests read errors")]
    enum Payment {
        Later,
        Card { number: u64, code: u16 },
        Cash(u32),
        Pair(u8, u8),
    }

    fn order() -> Value {
        json!({
            "id": 1, "address": { "zip": "1234", "city": "Chur" , "floor": 2 }, "items": [{ "name": "tea", "price": 1 }],
            "paid": { "Card": { "number": 1, "code": 2 } }, "note": null, "extra": { "a": -1 }
        })
    }

    fn details<T: DeserializeOwned>(json: &[u8]) -> Option<Value> {
        wrong_fields::<T>(json)?.details()
    }

    /// Returns the details for an order with these fields in place of its own.
    fn wrong(changes: Value) -> Value {
        let mut order = order();
        order["address"]["city"] = "Zürich".into();
        for (name, value) in changes.as_object().unwrap() {
            order[name] = value.clone();
        }
        details::<Order>(order.to_string().as_bytes()).unwrap_or_default()
    }

    #[test]
    fn every_wrong_field_of_json_is_named() {
        let integer = "Must be an integer from 0 to 18446744073709551615";
        let number = |places: &[(&str, &str)]| {
            Value::Object(places.iter().map(|(at, what)| ((*at).to_owned(), (*what).into())).collect())
        };
        for (changes, details) in [
            (json!({}), Value::Null),
            (json!({ "id": "1" }), json!({ "id": integer })),
            (json!({ "id": -1, "items": [{}, 7, { "name": null, "price": "1" }] }), {
                number(&[
                    ("id", integer),
                    ("items.0.name", "Required"),
                    ("items.0.price", "Required"),
                    ("items.1", "Must be an object"),
                    ("items.2.name", "Must be a string"),
                    ("items.2.price", "Must be a number"),
                ])
            }),
            (json!({ "address": { "zip": 1 }, "note": 2, "more": true }), {
                json!({
                    "address.zip": "Must be a string", "address.city": "Required", "note": "Must be a string",
                    "more": "Unknown",
                })
            }),
            (json!({ "address": { "zip": "1234", "city": "Chur" }, "id": null }), {
                json!({ "address": "zip and city do not belong together", "id": integer })
            }),
            (json!({ "paid": "Never" }), json!({ "paid": "Must be one of: Later, Card, Cash, Pair" })),
            (json!({ "paid": "Later" }), Value::Null),
            (json!({ "paid": { "Later": null } }), Value::Null),
            (json!({ "paid": { "Later": 1 } }), json!({ "paid.Later": "Must be null" })),
            (json!({ "paid": "Cash" }), json!({ "paid": "Must have content" })),
            (json!({ "paid": { "Cash": -1 } }), json!({ "paid.Cash": "Must be an integer from 0 to 4294967295" })),
            (json!({ "paid": { "Pair": [1, 256] } }), json!({ "paid.Pair.1": "Must be an integer from 0 to 255" })),
            (json!({ "paid": { "Card": { "number": true, "code": 1.0 } } }), {
                json!({ "paid.Card.number": integer, "paid.Card.code": "Must be an integer from 0 to 65535" })
            }),
            (
                json!({ "paid": { "Card": {}, "Cash": 1 } }),
                json!({ "paid": "Must be one of: Later, Card, Cash, Pair" }),
            ),
            (json!({ "extra": { "a": 1, "\u{1b}": 128, "</script>": "x" } }), {
                let number = "Must be an integer from -128 to 127";
                json!({ "extra.\u{1b}": number, "extra.</script>": number })
            }),
            (json!({ "next": { "id": "x", "address": { "zip": "1", "city": "" } } }), {
                json!({
                    "next.id": integer, "next.items": "Required", "next.paid": "Required", "next.extra": "Required",
                })
            }),
            // An address accepts no placeholder: what else is missing is not known.
            (json!({ "next": { "id": "x" } }), json!({ "next.id": integer, "next.address": "Required" })),
        ] {
            assert_eq!(wrong(changes.clone()), details, "{changes}");
        }
        assert_eq!(details::<Order>(b"[1]"), None, "the message says it");
        assert_eq!(details::<[Order; 1]>(b"[[1, 7]]"), Some(json!({ "0": "Must be an object" })));
    }

    /// serde says these with the name of a type of the program.
    #[test]
    fn messages_are_in_words_of_json() {
        #[derive(Debug, Deserialize)]
        struct Pair(
            #[expect(dead_code, reason = "the test reads errors")] u8,
            #[expect(dead_code, reason = "same")] u8,
        );

        #[derive(Debug, Deserialize)]
        #[serde(untagged)]
        enum Untagged {
            #[expect(dead_code, reason = "the test reads errors")]
            Number(u8),
        }

        #[derive(Debug, Deserialize)]
        #[serde(tag = "kind")]
        #[expect(dead_code, reason = "the test reads errors")]
        enum Tagged {
            Item(Item),
            Count { by: u8, to: NonZeroU8, list: Vec<u8>, map: HashMap<u8, u8> },
        }

        #[derive(Debug, Deserialize)]
        #[expect(dead_code, reason = "the test reads errors")]
        struct All {
            pair: Pair,
            untagged: Untagged,
            tagged: Tagged,
        }

        let tagged = |value: Value, message: &str| (json!({ "tagged": value }), json!({ "tagged": message }));
        for (change, wrong) in [
            (json!({ "pair": [1] }), json!({ "pair": "Must be a list with 2 elements" })),
            (json!({ "pair": {} }), json!({ "pair": "Must be a list" })),
            (json!({ "untagged": "x" }), json!({ "untagged": "Must have one of the accepted forms" })),
            tagged(json!(7), "Must be an object"),
            tagged(json!({ "kind": "Item", "name": 7, "price": 1 }), "Must be a string"),
            tagged(json!({ "kind": "Item", "name": "a", "price": "x" }), "Must be a number"),
            tagged(json!({ "kind": "Count", "by": "x" }), "Must be an integer"),
            tagged(json!({ "kind": "Count", "by": 1, "to": 0 }), "Must be an integer other than 0"),
            tagged(json!({ "kind": "Count", "by": 1, "to": 1, "list": 1 }), "Must be a list"),
            tagged(json!({ "kind": "Count", "by": 1, "to": 1, "list": [], "map": 1 }), "Must be an object"),
        ] {
            let mut body =
                json!({ "pair": [1, 2], "untagged": 1, "tagged": { "kind": "Item", "name": "a", "price": 1 } });
            assert_eq!(details::<All>(body.to_string().as_bytes()), None);
            body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            assert_eq!(details::<All>(body.to_string().as_bytes()), Some(wrong), "{change}");
        }
    }

    /// The names of a map are the client's: their number and their length are bounded.
    #[test]
    fn what_a_client_can_make_of_it_is_bounded() {
        let many: BTreeMap<String, &str> = (0..1000).map(|number| (format!("{number:04}"), "x")).collect();
        let long = BTreeMap::from([("é".repeat(1000), "x")]);
        let wrong = |map: &BTreeMap<String, &str>| {
            let text = serde_json::to_vec(map).unwrap();
            details::<BTreeMap<String, u8>>(&text).unwrap().as_object().unwrap().clone()
        };
        assert_eq!(wrong(&many).len(), MAX_WRONG);
        assert_eq!(wrong(&long).keys().next().unwrap(), &format!("{}…", "é".repeat(64)));
        let large = [&b"[\"x\""[..], &vec![b' '; 64 * 1024], b"]"].concat();
        assert!(wrong_fields::<Vec<u8>>(&large).is_none());
        assert!(wrong_fields::<Vec<u8>>(b"[\"x\"").is_none());
    }

    /// A placeholder of such a type has no end.
    #[test]
    fn a_type_that_contains_itself_is_given_up() {
        #[derive(Debug, Deserialize)]
        enum Endless {
            #[expect(dead_code, reason = "never made")]
            More(Box<Endless>),
        }
        let body = json!({ "a": { "More": 1 }, "b": 1 });
        let details = details::<BTreeMap<String, Endless>>(body.to_string().as_bytes());
        assert_eq!(details.unwrap(), json!({ "a.More": "Must be one of: More", "b": "Must be one of: More" }));
    }

    proptest! {
        /// What serde_json takes has no wrong fields, and what it refuses has some.
        #[test]
        fn the_same_json_fits(
            id in prop_oneof![Just(json!(1)), Just(json!("1"))],
            name in prop_oneof![Just(json!("a")), Just(Value::Null), Just(json!([]))],
            price in prop_oneof![Just(json!(1)), Just(json!(1.5)), Just(json!(true))],
            missing in prop::option::of(prop_oneof![Just("id"), Just("items"), Just("paid")]),
        ) {
            let mut order = order();
            order["address"]["city"] = "Zürich".into();
            order["id"] = id;
            order["items"] = json!([{ "name": name, "price": price }]);
            if let Some(missing) = missing {
                order.as_object_mut().unwrap().remove(missing);
            }
            let fits = serde_json::from_value::<Order>(order.clone()).is_ok();
            prop_assert_eq!(deserialize::<Order>(Raw::Json(&order)).is_ok(), fits, "{}", order);
        }
    }
}
