//! Splits a byte string into the pieces in which it arrives.

/// Each piece is exactly one read of the server.
#[derive(Clone, Copy, Debug)]
pub enum Delivery {
    Whole,
    ByteByByte,
    /// Two pieces, the first of so many bytes.
    CutAt(usize),
    /// Pieces of random sizes; the seed says which, and must not be 0.
    Random {
        seed: u64,
    },
}

/// Eight random splits: the seeds are multiples of 2⁶⁴/φ, which differ in all their bits.
pub fn random_deliveries() -> Vec<Delivery> {
    (1..=8).map(|number: u64| Delivery::Random { seed: number.wrapping_mul(0x9e37_79b9_7f4a_7c15) }).collect()
}

/// The pieces in order.
pub fn pieces(bytes: &[u8], delivery: Delivery) -> Vec<&[u8]> {
    match delivery {
        Delivery::Whole => vec![bytes],
        Delivery::ByteByByte => bytes.chunks(1).collect(),
        Delivery::CutAt(at) => vec![&bytes[..at], &bytes[at..]],
        Delivery::Random { seed } => {
            let mut random = XorShift(seed);
            let longest = random.up_to(bytes.len());
            let (mut pieces, mut rest) = (Vec::new(), bytes);
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(random.up_to(longest.min(rest.len())));
                pieces.push(piece);
                rest = after;
            }
            pieces
        }
    }
}

/// Marsaglia's xorshift: eight lines, and a seed repeats the run on every machine.
struct XorShift(u64);

impl XorShift {
    /// From 1 to `most`, or 1.
    fn up_to(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        1 + (self.0 >> 32) as usize % most.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pieces_are_the_whole_and_none_is_empty() {
        let bytes: Vec<u8> = (0..=255).collect();
        let fixed = [Delivery::Whole, Delivery::ByteByByte, Delivery::CutAt(1), Delivery::CutAt(255)];
        for delivery in fixed.into_iter().chain(random_deliveries()) {
            let pieces = pieces(&bytes, delivery);
            assert_eq!(pieces.concat(), bytes, "{delivery:?}");
            assert!(pieces.iter().all(|piece| !piece.is_empty()), "{delivery:?}");
        }
    }

    #[test]
    fn every_seed_cuts_elsewhere_and_always_there() {
        let cuts = |delivery| pieces(&[0; 1000], delivery).iter().map(|piece| piece.len()).collect::<Vec<_>>();
        let all: std::collections::HashSet<_> = random_deliveries().into_iter().map(cuts).collect();
        assert_eq!(all.len(), 8);
        assert!(all.iter().all(|one| one.len() > 1));
        assert_eq!(cuts(Delivery::Random { seed: 7 }), cuts(Delivery::Random { seed: 7 }));
    }
}
