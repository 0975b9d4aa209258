//! A serde `Deserializer` around another one that takes only an object for a struct. Types with a
//! derived `Deserialize` also take an array of the values of their fields; a schema of the type
//! does not allow that.

use std::fmt;

use serde_core::de::{DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor};

/// A deserializer, or what it and a type pass to each other.
///
/// serde buffers the content of untagged and internally tagged enums and of flattened fields. It
/// reads the buffer by a deserializer of its own, which takes an array there.
pub(in crate::request) struct Strict<T>(pub(in crate::request) T);

/// The visitor of a struct.
struct Object<V>(V);

/// Methods of values that contain no struct.
macro_rules! scalars {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.0.$method(visitor)
        }
    )*};
}

/// Methods of values that may contain one, with what they pass on.
macro_rules! containers {
    ($($method:ident($($name:ident: $type:ty),*) $wrapper:ident),*) => {$(
        fn $method<V: Visitor<'de>>(self, $($name: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            self.0.$method($($name,)* $wrapper(visitor))
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Strict<D> {
    type Error = D::Error;

    scalars! {
        deserialize_bool deserialize_char deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64 deserialize_unit deserialize_identifier deserialize_ignored_any
    }

    containers! {
        deserialize_any() Strict,
        deserialize_option() Strict,
        deserialize_seq() Strict,
        deserialize_map() Strict,
        deserialize_tuple(length: usize) Strict,
        deserialize_unit_struct(name: &'static str) Strict,
        deserialize_newtype_struct(name: &'static str) Strict,
        deserialize_tuple_struct(name: &'static str, length: usize) Strict,
        deserialize_struct(name: &'static str, fields: &'static [&'static str]) Object,
        deserialize_enum(name: &'static str, variants: &'static [&'static str]) Strict
    }
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Object<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Strict(map))
    }
}

/// Values that JSON has without brackets.
macro_rules! visits {
    ($($visit:ident($($value:ident: $type:ty)?)),*) => {$(
        fn $visit<E: Error>(self, $($value: $type)?) -> Result<V::Value, E> {
            self.0.$visit($($value)?)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Strict<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    visits! {
        visit_unit(), visit_none(), visit_bool(value: bool), visit_i64(value: i64), visit_u64(value: u64),
        visit_f64(value: f64), visit_str(value: &str), visit_borrowed_str(value: &'de str)
    }

    fn visit_some<D: Deserializer<'de>>(self, value: D) -> Result<V::Value, D::Error> {
        self.0.visit_some(Strict(value))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, value: D) -> Result<V::Value, D::Error> {
        self.0.visit_newtype_struct(Strict(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(Strict(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Strict(entries))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, variant: A) -> Result<V::Value, A::Error> {
        self.0.visit_enum(Strict(variant))
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Strict<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Strict(value))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Strict<A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_element_seed(Strict(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Strict<A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_key_seed(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(Strict(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: EnumAccess<'de>> EnumAccess<'de> for Strict<A> {
    type Error = A::Error;
    type Variant = Strict<A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), A::Error> {
        self.0.variant_seed(seed).map(|(name, content)| (name, Strict(content)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Strict<A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.0.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        self.0.newtype_variant_seed(Strict(seed))
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.0.tuple_variant(length, Strict(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.0.struct_variant(fields, Object(visitor))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;
    use serde_json::value::RawValue;
    use serde_json::{Value, json};

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Point {
        x: i8,
        y: Option<Box<Point>>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Pair(Point, u8);

    #[derive(Debug, PartialEq, Deserialize)]
    struct Wrapped(Point);

    #[derive(Debug, PartialEq, Deserialize)]
    enum Shape {
        Empty,
        At(Point),
        Line(Point, Point),
        Circle { center: Point, radius: u8 },
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(tag = "kind", content = "value")]
    enum Adjacent {
        At(Point),
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Flat {
        name: String,
        #[serde(flatten)]
        rest: BTreeMap<String, u8>,
    }

    /// Returns what `T` reads, as serde_json does without and with the wrapper.
    fn read<'de, T: Deserialize<'de>>(text: &'de str) -> (Option<T>, Result<T, String>) {
        let mut json = serde_json::Deserializer::from_str(text);
        let strict = T::deserialize(Strict(&mut json)).and_then(|value| json.end().map(|()| value));
        (serde_json::from_str(text).ok(), strict.map_err(|error| error.to_string()))
    }

    /// Asserts that the wrapper changes nothing.
    #[track_caller]
    fn same<'de, T: Deserialize<'de> + fmt::Debug>(text: &'de str) {
        let (plain, strict) = read::<T>(text);
        assert_eq!(format!("{:?}", strict.ok()), format!("{plain:?}"), "{text}");
    }

    /// Asserts that serde_json takes the text, and the wrapper does not.
    #[track_caller]
    fn refused<'de, T: Deserialize<'de> + fmt::Debug>(text: &'de str) {
        let (plain, strict) = read::<T>(text);
        assert!(plain.is_some(), "{text}");
        assert!(strict.unwrap_err().starts_with("invalid type: sequence, expected an object at line 1"), "{text}");
    }

    #[test]
    fn an_array_is_not_a_struct_wherever_it_is() {
        refused::<Point>("[1, null]");
        refused::<Point>(r#"{"x": 1, "y": [2, null]}"#);
        refused::<Option<Point>>("[1, null]");
        refused::<Vec<Point>>(r#"[{"x": 1}, [2, null]]"#);
        refused::<BTreeMap<String, Point>>(r#"{"a": [1, null]}"#);
        refused::<(u8, Point)>("[1, [2, null]]");
        refused::<Pair>("[[1, null], 2]");
        refused::<Wrapped>("[1, null]");
        refused::<Shape>(r#"{"At": [1, null]}"#);
        refused::<Shape>(r#"{"Line": [{"x": 1}, [2, null]]}"#);
        refused::<Shape>(r#"{"Circle": [{"x": 1}, 2]}"#);
        refused::<Shape>(r#"{"Circle": {"center": [1, null], "radius": 2}}"#);
        refused::<Adjacent>(r#"["At", {"x": 1}]"#);
        refused::<Adjacent>(r#"{"kind": "At", "value": [1, null]}"#);
        refused::<std::time::Duration>("[1, 2]");
    }

    #[test]
    fn everything_else_is_as_without_it() {
        for text in [r#"{"x": 1}"#, r#"{"x": 1, "y": {"x": 2}, "z": [[]]}"#, r#"{"x": 128}"#, "{}", "7", r#"{"x": 1}}"#]
        {
            same::<Point>(text);
            same::<Option<Point>>(text);
            same::<Wrapped>(text);
        }
        for text in [
            "\"Empty\"",
            r#"{"Empty": null}"#,
            r#"{"At": {"x": 1}}"#,
            r#"{"Circle": {"center": {"x": 1}, "radius": 2}}"#,
        ] {
            same::<Shape>(text);
        }
        same::<Pair>(r#"[{"x": 1}, 2]"#);
        same::<Pair>(r#"[{"x": 1}]"#);
        same::<Adjacent>(r#"{"value": {"x": 1}, "kind": "At"}"#);
        same::<Flat>(r#"{"name": "a", "b": 1, "c": 2}"#);
        same::<BTreeMap<u8, bool>>(r#"{"1": true, "2": false}"#);
        same::<BTreeMap<&str, &str>>(r#"{"a": "borrowed"}"#);
        same::<Box<RawValue>>(r#"{"a": [1, 2.50]}"#);
        same::<BTreeMap<String, &RawValue>>(r#"{"a": [1, 2.50]}"#);
        same::<(i64, u64, i128, u128, f32, f64, char, ())>(r#"[-1, 1, -2, 2, 1.5, 2.5, "a", null]"#);
        let value = json!({ "a": [null, true, -1, 1, 1.5, "b", { "c": [] }] }).to_string();
        same::<Value>(&value);
    }

    /// serde reads these from a buffer of its own.
    #[test]
    fn what_serde_buffers_it_takes_as_it_likes() {
        #[derive(Debug, PartialEq, Deserialize)]
        #[serde(untagged)]
        enum Untagged {
            Point(Point),
        }
        let (plain, strict) = read::<Untagged>("[1, null]");
        assert_eq!(strict.ok(), plain);
    }
}
