//! Counts requests in a table of fixed size, with O(1) operations.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Duration;

use super::{Client, LimitKey, LimitStore, WindowState};
use crate::response::error::Result;
use crate::sync::lock;

/// Number of locks: more than the threads that could wait for one another.
const SHARDS: usize = 64;
/// Sets of each shard. With 8 counters each, 491,520 in 7.9 MB. A counter of nginx's
/// `limit_req_zone` takes 128 bytes, one here 16.
const SETS: usize = 960;
/// Counters of a set. A full set of 8 is two cache lines; while fewer than 100,000 keys are alive,
/// one set in 20,000 overflows.
const WAYS: usize = 8;

/// A counter: 48 bits of the key's hash, 48 bits for the millisecond when its window ends, 32 bits
/// of count. 0 when free.
///
/// Keys are not stored: two of them share a counter when 64 bits of a secret hash agree, once in
/// 10⁷ times with the table full.
type Slot = u128;

const TAG: u64 = (1 << 48) - 1;

/// One table for all workers: sets of slots, distributed over a few locks. When a set is full, a
/// new counter replaces the one whose window ends first: an expired one, else the one with the
/// least time left. A flood of keys evicts counters, but never makes the table grow or slow down.
pub(super) struct MemoryStore {
    /// Allocated when the first key arrives: an unused limit costs nothing.
    shards: [Mutex<Vec<Slot>>; SHARDS],
    /// Secret, since a client could otherwise choose addresses that collide in one set: one client
    /// can own billions of IPv6 /64 networks.
    secrets: [u64; 4],
    names: RandomState,
}

impl Default for MemoryStore {
    fn default() -> MemoryStore {
        let names = RandomState::new();
        let secrets = [0, 1, 2, 3].map(|number: u64| names.hash_one(number));
        MemoryStore { shards: [const { Mutex::new(Vec::new()) }; SHARDS], secrets, names }
    }
}

impl LimitStore for MemoryStore {
    fn hit(&self, key: &LimitKey<'_>, now: Duration) -> Result<WindowState> {
        let now = milliseconds(now);
        let (used, ends) = self.count(self.hash(key), milliseconds(key.rate.period()), now);
        Ok(WindowState { used: u64::from(used), reset: Duration::from_millis(ends.saturating_sub(now)) })
    }
}

impl MemoryStore {
    /// Hashes with folded multiplications by secret factors, as foldhash and ahash do: 30
    /// instructions, where the SipHash of the standard library takes 300 for a key in pieces.
    /// Hashes are never exposed. A route is identified by the address of its pattern, which does
    /// not move while the application that owns it and this table serves.
    fn hash(&self, key: &LimitKey<'_>) -> u64 {
        let (who, family) = match key.client {
            Client::Address(IpAddr::V4(address)) => (u64::from(address.to_bits()), 4),
            Client::Address(IpAddr::V6(address)) => ((address.to_bits() >> 64) as u64, 6),
            Client::Key(name) => (self.names.hash_one(name), 0),
        };
        let [a, b, c, d] = self.secrets;
        let rate = u64::from(key.rate.amount()) << 32 | key.rate.period().as_secs();
        fold(fold(who ^ a, family ^ b), fold(key.route.as_ptr().addr() as u64 ^ c, rate ^ d))
    }

    /// Counts one request. Returns the new count and when the window ends.
    fn count(&self, hash: u64, period: u64, now: u64) -> (u32, u64) {
        let (shard, set) = position(hash);
        let Some(shard) = self.shards.get(shard) else { return (0, now) };
        // A panic while holding the lock leaves at most one wrong count.
        let mut slots = lock(shard);
        if slots.is_empty() {
            *slots = vec![0; SETS * WAYS];
        }
        let set = slots.get_mut(set * WAYS..(set + 1) * WAYS).unwrap_or_default();
        let tag = hash & TAG;
        let own = set.iter().position(|&slot| unpacked(slot).0 == tag);
        let first_to_end = || set.iter().enumerate().min_by_key(|(_, slot)| unpacked(**slot).1).map(|(at, _)| at);
        let Some(slot) = own.or_else(first_to_end).and_then(|at| set.get_mut(at)) else { return (0, now) };
        let (_, ends, count) = unpacked(*slot);
        let goes_on = own.is_some() && ends > now;
        // `min`: a clock that was set back does not lengthen a window.
        let (count, ends) = if goes_on { (count.saturating_add(1), ends.min(now + period)) } else { (1, now + period) };
        *slot = packed(tag, ends, count);
        (count, ends)
    }
}

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// Returns shard and set, from bits that are not all in the tag.
fn position(hash: u64) -> (usize, usize) {
    let (high, middle) = (hash >> 58, (hash << 6) >> 32);
    (high as usize, ((middle * SETS as u64) >> 32) as usize)
}

fn packed(tag: u64, ends: u64, count: u32) -> Slot {
    u128::from(tag) << 80 | u128::from(ends & TAG) << 32 | u128::from(count)
}

fn unpacked(slot: Slot) -> (u64, u64, u32) {
    ((slot >> 80) as u64, (slot >> 32) as u64 & TAG, slot as u32)
}

/// Converts to milliseconds. 48 bits of them are 8,900 years; no clock and no period here takes
/// more than half. Not `as_millis`, which has 128 bits.
fn milliseconds(time: Duration) -> u64 {
    time.as_secs().saturating_mul(1000).saturating_add(u64::from(time.subsec_millis())).min(TAG / 2)
}

#[cfg(test)]
mod tests {
    use super::super::rate;
    use super::*;
    use crate::http1::method::Method;

    /// Returns evenly distributed hashes, the same in every run.
    fn hash(number: u64) -> u64 {
        let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x1234_5678_9abc_def1);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn bytes(table: &MemoryStore) -> usize {
        let slots: usize = table.shards.iter().map(|shard| shard.lock().unwrap().capacity()).sum();
        slots * size_of::<Slot>() + size_of::<MemoryStore>()
    }

    #[test]
    fn a_million_keys_stay_within_eight_megabytes() {
        let table = MemoryStore::default();
        assert!(bytes(&table) < 4096);
        for key in 0..1_000_000 {
            assert_eq!(table.count(hash(key), 60_000, key / 1000).0, 1);
        }
        assert!(bytes(&table) < 8_000_000, "{}", bytes(&table));
        // The newest are still counted, the oldest were replaced.
        let known =
            |keys: std::ops::Range<u64>| keys.filter(|&key| table.count(hash(key), 60_000, 1000).0 == 2).count();
        assert!(known(990_000..1_000_000) > 9_900);
        assert!(known(0..10_000) < 100);
    }

    #[test]
    fn a_hundred_thousand_keys_are_all_remembered() {
        let table = MemoryStore::default();
        for round in 1..=3 {
            let right = (0..100_000).filter(|&key| table.count(hash(key), 60_000, 0).0 == round).count();
            assert!(right > 99_900, "round {round}: {right}");
        }
    }

    #[test]
    fn ended_windows_make_room_before_open_ones() {
        let table = MemoryStore::default();
        // All in one set: only bits of the tag differ that the position does not use.
        let key = |number: u64| 0x1234_5600_0000_0000 | number;
        let long = 600_000;
        for number in 0..4 {
            table.count(key(number), long, 0);
        }
        for number in 4..8 {
            table.count(key(number), 1000, 0);
        }
        for number in 8..12 {
            table.count(key(number), long, 2000);
        }
        for number in (0..4).chain(8..12) {
            assert_eq!(table.count(key(number), long, 3000).0, 2, "{number}");
        }
        // Now, without an expired one, the window that ends first is replaced.
        table.count(key(12), long, 4000);
        let slots = table.shards[position(key(0)).0].lock().unwrap();
        let known = |number: &u64| slots.iter().any(|&slot| slot != 0 && unpacked(slot).0 == key(*number) & TAG);
        assert_eq!((0..4).filter(known).count(), 3);
        assert_eq!((8..13).filter(known).count(), 5);
    }

    #[test]
    fn a_window_opens_with_its_first_hit_and_ends_on_the_millisecond() {
        let table = MemoryStore::default();
        let cases = [
            (12_345, 1, 72_345),
            (12_345, 2, 72_345),
            (72_344, 3, 72_345),
            (72_345, 1, 132_345),
            (500_000, 1, 560_000),
            // The clock goes back: the window shrinks to a period from now, and the count is kept.
            (100_000, 2, 160_000),
            (0, 3, 60_000),
            (59_999, 4, 60_000),
            (60_000, 1, 120_000),
        ];
        for (now, count, ends) in cases {
            assert_eq!(table.count(hash(1), 60_000, now), (count, ends), "at {now}");
        }
    }

    #[test]
    fn what_is_packed_comes_back() {
        for (tag, ends, count) in [(0, 0, 1), (TAG, TAG, u32::MAX), (1, TAG, 0), (TAG, 1, 7)] {
            assert_eq!(unpacked(packed(tag, ends, count)), (tag, ends, count));
        }
        for number in 0..100_000 {
            let (shard, set) = position(hash(number));
            assert!(shard < SHARDS && set < SETS);
        }
        assert_eq!(position(u64::MAX), (SHARDS - 1, SETS - 1));
        assert!(milliseconds(Duration::MAX) + milliseconds(Duration::MAX) <= TAG);
    }

    #[test]
    fn a_count_ends_at_its_ceiling() {
        let table = MemoryStore::default();
        let (shard, set) = position(hash(1));
        table.count(hash(1), 1000, 0);
        table.shards[shard].lock().unwrap()[set * WAYS] = packed(hash(1) & TAG, 1000, u32::MAX);
        assert_eq!(table.count(hash(1), 1000, 0).0, u32::MAX);
    }

    #[test]
    fn what_differs_is_counted_apart() {
        let table = MemoryStore::default();
        let rates = ["5/minute", "6/minute", "5/hour"].map(|text| rate::parse(text).unwrap().remove(0));
        let addresses =
            ["0.0.0.6", "192.0.2.1", "2001:db8::", "2001:db8:0:1::", "::"].map(|text| text.parse().unwrap());
        let names = ["a", "b", "192.0.2.1"].map(Client::Key);
        let clients: Vec<_> = addresses.map(Client::Address).into_iter().chain(names).collect();
        for used in 1..=2 {
            for route in ["/a", "/b"] {
                for &client in &clients {
                    for rate in rates {
                        let key = LimitKey { method: Method::GET, route, client, rate };
                        assert_eq!(table.hit(&key, Duration::ZERO).unwrap().used, used, "{key:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn threads_count_every_hit_once() {
        let table = MemoryStore::default();
        let passed: usize = std::thread::scope(|scope| {
            let hammer = || (0..10_000).filter(|_| table.count(hash(1), 60_000, 0).0 <= 1234).count();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(hammer)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(passed, 1234);
    }
}
