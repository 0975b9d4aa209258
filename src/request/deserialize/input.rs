//! A serde `Deserializer` over JSON or over texts by name, which puts placeholders in the places
//! of values that are known to be wrong.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use serde_core::de::value::StrDeserializer;
use serde_core::de::{DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde_core::forward_to_deserialize_any;
use serde_json::Value;

use super::problem::{Problem, Wrong};

/// Maximum depth of placeholders: a type that contains itself would go on for ever.
const MAX_DEPTH: u8 = 32;

type Outcome<T> = std::result::Result<T, Problem>;

/// The values of each name, in order.
pub(super) type Fields<'r> = BTreeMap<Cow<'r, str>, Vec<Cow<'r, str>>>;

/// Where a value comes from.
#[derive(Clone, Copy)]
pub(super) enum Raw<'v> {
    Json(&'v Value),
    /// A query, a form or the parameters of a path.
    Fields(&'v Fields<'v>),
    /// All values of one name.
    Texts(&'v [Cow<'v, str>]),
    /// One value, or the name of a field.
    Text(&'v str),
    /// Any valid value of the type.
    Placeholder,
}

/// A value, and what is known to be wrong with it.
#[derive(Clone, Copy)]
pub(super) struct Input<'v> {
    raw: Raw<'v>,
    wrong: Option<&'v Wrong>,
    depth: u8,
}

impl<'v> Input<'v> {
    pub(super) fn root(raw: Raw<'v>, wrong: &'v Wrong) -> Input<'v> {
        Input { raw, wrong: Some(wrong), depth: 0 }
    }

    fn child(&self, raw: Raw<'v>, name: &str) -> Input<'v> {
        let wrong = self.wrong.and_then(|wrong| wrong.field(name));
        let raw = if wrong.is_some_and(Wrong::is_here) { Raw::Placeholder } else { raw };
        Input { raw, wrong, depth: self.depth.saturating_add(1) }
    }

    /// Returns the text, if the value is one.
    fn text(&self) -> Option<&'v str> {
        match self.raw {
            Raw::Json(Value::String(text)) => Some(text),
            Raw::Text(text) => Some(text),
            Raw::Texts([text]) => Some(text),
            _ => None,
        }
    }

    /// Parses a value that JSON writes without quotes, and a query as text.
    fn scalar<T: FromStr>(&self, from_json: impl FnOnce(&Value) -> Option<T>) -> Option<T> {
        match self.raw {
            Raw::Json(value) => from_json(value),
            // `parse` takes a sign that JSON does not.
            _ => self.text().filter(|text| !text.starts_with('+'))?.parse().ok(),
        }
    }

    fn integer(&self) -> Option<i128> {
        self.scalar(|value| value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from)))
    }

    /// Returns the problem of a value that is not `expected`.
    fn mismatch(&self, expected: impl Display) -> Problem {
        match self.raw {
            Raw::Texts([_, _, ..]) => Problem::new("Must be given once"),
            _ => Problem::new(format!("Must be {expected}")),
        }
    }

    fn is_placeholder(&self) -> bool {
        matches!(self.raw, Raw::Placeholder)
    }

    fn elements(self, placeholders: usize) -> Outcome<Elements<'v>> {
        let raws: Vec<Raw<'v>> = match self.raw {
            Raw::Json(Value::Array(list)) => list.iter().map(Raw::Json).collect(),
            Raw::Texts(texts) => texts.iter().map(|text| Raw::Text(text)).collect(),
            Raw::Text(_) => vec![self.raw],
            Raw::Placeholder => vec![Raw::Placeholder; placeholders],
            _ => return Err(self.mismatch("a list")),
        };
        Ok(Elements { list: self, rest: raws.into_iter(), position: 0 })
    }

    /// Returns the fields: those without a known problem first, so that each is read before a
    /// placeholder can be refused.
    fn entries(self) -> Outcome<Entries<'v>> {
        let mut entries: Vec<(&'v str, Input<'v>)> = match self.raw {
            Raw::Json(Value::Object(fields)) => {
                fields.iter().map(|(name, value)| (&**name, self.child(Raw::Json(value), name))).collect()
            }
            Raw::Fields(fields) => {
                fields.iter().map(|(name, texts)| (&**name, self.child(Raw::Texts(texts), name))).collect()
            }
            Raw::Placeholder => Vec::new(),
            _ => return Err(self.mismatch("an object")),
        };
        if let Some(wrong) = self.wrong.filter(|wrong| !wrong.is_empty()) {
            let known = |name: &str| entries.iter().any(|(present, _)| *present == name);
            let missing: Vec<_> = wrong.names().filter(|(name, _)| !known(name)).collect();
            entries.extend(missing.into_iter().map(|(name, _)| (name, self.child(Raw::Placeholder, name))));
            entries.retain(|(_, input)| !input.wrong.is_some_and(Wrong::is_unknown));
            entries.sort_by_key(|(_, input)| input.wrong.is_some());
        }
        Ok(Entries { rest: entries.into_iter(), next: None })
    }
}

/// Numbers: `method visit type`.
macro_rules! integers {
    ($($method:ident $visit:ident $type:ident),*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
            if self.is_placeholder() {
                return visitor.$visit(1);
            }
            match self.integer().and_then(|number| $type::try_from(number).ok()) {
                Some(number) => visitor.$visit(number),
                None => Err(self.mismatch(format_args!("an integer from {} to {}", $type::MIN, $type::MAX))),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Input<'_> {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        match self.raw {
            Raw::Placeholder | Raw::Json(Value::Null) => visitor.visit_unit(),
            Raw::Json(Value::Bool(value)) => visitor.visit_bool(*value),
            Raw::Json(Value::Number(number)) => match (number.as_u64(), number.as_i64()) {
                (Some(number), _) => visitor.visit_u64(number),
                (None, Some(number)) => visitor.visit_i64(number),
                (None, None) => visitor.visit_f64(number.as_f64().unwrap_or_default()),
            },
            Raw::Json(Value::Object(_)) | Raw::Fields(_) => self.deserialize_map(visitor),
            Raw::Json(Value::String(_)) | Raw::Text(_) | Raw::Texts([_]) => self.deserialize_str(visitor),
            Raw::Json(Value::Array(_)) | Raw::Texts(_) => self.deserialize_seq(visitor),
        }
    }

    integers! {
        deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16, deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64, deserialize_i128 visit_i128 i128, deserialize_u8 visit_u8 u8,
        deserialize_u16 visit_u16 u16, deserialize_u32 visit_u32 u32, deserialize_u64 visit_u64 u64,
        deserialize_u128 visit_u128 u128
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        let checked = self.text() == Some("on") && !matches!(self.raw, Raw::Json(_)); // a checkbox of a form
        match self.scalar(Value::as_bool) {
            Some(value) => visitor.visit_bool(value),
            None if checked || self.is_placeholder() => visitor.visit_bool(true),
            None => Err(self.mismatch("true or false")),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        match self.scalar(Value::as_f64).filter(|number| number.is_finite()) {
            Some(number) => visitor.visit_f64(number),
            None if self.is_placeholder() => visitor.visit_f64(1.0),
            None => Err(self.mismatch("a number")),
        }
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        match self.text() {
            Some(text) => visitor.visit_str(text),
            None if self.is_placeholder() => visitor.visit_str("1"),
            None => Err(self.mismatch("a string")),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        match self.raw {
            Raw::Json(Value::Null) | Raw::Text("") | Raw::Placeholder => visitor.visit_none(),
            Raw::Texts([text]) if text.is_empty() => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Outcome<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        visitor.visit_seq(self.elements(0)?)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Outcome<V::Value> {
        visitor.visit_seq(self.elements(length)?)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Outcome<V::Value> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        if self.is_placeholder() && self.depth > MAX_DEPTH {
            return Err(self.mismatch("an object"));
        }
        visitor.visit_map(self.entries()?)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Outcome<V::Value> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Outcome<V::Value> {
        let whole = |name| Variant { name, content: None };
        let variant = match self.raw {
            Raw::Placeholder if self.depth < MAX_DEPTH => {
                variants.first().map(|name| Variant { name, content: Some(self.child(Raw::Placeholder, name)) })
            }
            Raw::Json(Value::Object(fields)) if fields.len() == 1 => fields
                .iter()
                .next()
                .map(|(name, value)| Variant { name, content: Some(self.child(Raw::Json(value), name)) }),
            _ => self.text().map(whole),
        };
        visitor.visit_enum(variant.ok_or_else(|| self.mismatch(format_args!("one of: {}", variants.join(", "))))?)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! { bytes byte_buf unit unit_struct }
}

/// The elements of a list.
struct Elements<'v> {
    list: Input<'v>,
    rest: std::vec::IntoIter<Raw<'v>>,
    position: usize,
}

impl<'de> SeqAccess<'de> for Elements<'_> {
    type Error = Problem;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Outcome<Option<T::Value>> {
        let Some(raw) = self.rest.next() else { return Ok(None) };
        let name = self.position.to_string();
        self.position += 1;
        seed.deserialize(self.list.child(raw, &name)).map(Some).map_err(|problem| problem.inside(&name))
    }
}

/// The fields of an object.
struct Entries<'v> {
    rest: std::vec::IntoIter<(&'v str, Input<'v>)>,
    /// The entry whose name was read last.
    next: Option<(&'v str, Input<'v>)>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Problem;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Outcome<Option<K::Value>> {
        self.next = self.rest.next();
        let Some((name, _)) = self.next else { return Ok(None) };
        let text = Input { raw: Raw::Text(name), wrong: None, depth: 0 };
        seed.deserialize(text).map(Some).map_err(|problem| problem.of_name(name))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Outcome<V::Value> {
        let (name, input) = self.next.take().ok_or_else(|| Problem::new("a value was read before its name"))?;
        seed.deserialize(input).map_err(|problem| problem.inside(name))
    }
}

/// A variant of an enum. Without content it is a name alone.
struct Variant<'v> {
    name: &'v str,
    content: Option<Input<'v>>,
}

impl<'de> EnumAccess<'de> for Variant<'_> {
    type Error = Problem;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Outcome<(V::Value, Self)> {
        Ok((seed.deserialize(StrDeserializer::new(self.name))?, self))
    }
}

impl Variant<'_> {
    /// Reads the content, if there is some.
    fn read<T>(self, read: impl FnOnce(Input<'_>) -> Outcome<T>) -> Outcome<T> {
        let content = self.content.ok_or_else(|| Problem::new("Must have content"))?;
        read(content).map_err(|problem| problem.inside(self.name))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Problem;

    fn unit_variant(self) -> Outcome<()> {
        match self.content.map(|content| content.raw) {
            None | Some(Raw::Placeholder | Raw::Json(Value::Null)) => Ok(()),
            Some(_) => Err(Problem::new("Must be null").inside(self.name)),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Outcome<T::Value> {
        self.read(|content| seed.deserialize(content))
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Outcome<V::Value> {
        self.read(|content| content.deserialize_tuple(length, visitor))
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Outcome<V::Value> {
        self.read(|content| content.deserialize_struct("", fields, visitor))
    }
}
