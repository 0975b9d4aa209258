//! A map from types to values, for application state and values of a request.

use std::any::{Any, TypeId};

use crate::panics::Guarded;

/// At most one value of each type. A list, not a map: an application has a handful, and comparing
/// five ids is faster than one hash.
pub(crate) struct Extensions {
    entries: Vec<(TypeId, Guarded<Box<dyn Any + Send + Sync>>)>,
}

/// Reserves room for as many values as most requests get.
impl Default for Extensions {
    fn default() -> Extensions {
        Extensions { entries: Vec::with_capacity(4) }
    }
}

impl Extensions {
    /// Inserts a value; replaces the earlier one of its type.
    pub(crate) fn insert<T: Send + Sync + 'static>(&mut self, value: T) {
        let id = TypeId::of::<T>();
        let value: Guarded<Box<dyn Any + Send + Sync>> = Guarded::new(Box::new(value));
        match self.entries.iter_mut().find(|entry| entry.0 == id) {
            Some(entry) => entry.1 = value,
            None => self.entries.push((id, value)),
        }
    }

    /// Returns the value of this type.
    pub(crate) fn get<T: 'static>(&self) -> Option<&T> {
        let id = TypeId::of::<T>();
        self.entries.iter().find(|entry| entry.0 == id).and_then(|entry| entry.1.get()?.downcast_ref())
    }

    /// Returns the value of this type, to change it.
    pub(crate) fn get_mut<T: 'static>(&mut self) -> Option<&mut T> {
        let id = TypeId::of::<T>();
        self.entries.iter_mut().find(|entry| entry.0 == id).and_then(|entry| entry.1.get_mut()?.downcast_mut())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_of_each_type() {
        let mut storage = Extensions::default();
        storage.insert(1_u32);
        storage.insert("text");
        storage.insert(2_u32);
        assert_eq!(storage.get::<u32>(), Some(&2));
        assert_eq!(storage.get::<&str>(), Some(&"text"));
        assert_eq!(storage.get::<u64>(), None);
        if let Some(number) = storage.get_mut::<u32>() {
            *number += 1;
        }
        assert_eq!(storage.get::<u32>(), Some(&3));
    }
}
