//! MurmurHash3, the variant for 64-bit machines with a result of 128 bits
//! (`x64_128`), after the public-domain description by Austin Appleby.

const C1: u64 = 0x87c3_7b91_1142_53d5;
const C2: u64 = 0x4cf5_ad43_2745_937f;

/// The hash of `data` as one number: the second half of the algorithm's output
/// in the upper 64 bits, the first half in the lower.
pub(crate) fn x64_128(data: &[u8], seed: u64) -> u128 {
    let (mut h1, mut h2) = (seed, seed);
    let mut blocks = data.chunks_exact(16);
    for block in &mut blocks {
        let (low, high) = block.split_at(8);
        h1 ^= mix_first(word(low));
        h1 = h1.rotate_left(27).wrapping_add(h2).wrapping_mul(5).wrapping_add(0x52dc_e729);
        h2 ^= mix_second(word(high));
        h2 = h2.rotate_left(31).wrapping_add(h1).wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }
    let rest = blocks.remainder();
    let (low, high) = rest.split_at(rest.len().min(8));
    h2 ^= mix_second(word(high));
    h1 ^= mix_first(word(low));

    let length = data.len() as u64;
    h1 ^= length;
    h2 ^= length;
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    h1 = scatter(h1);
    h2 = scatter(h2);
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    u128::from(h2) << 64 | u128::from(h1)
}

/// Up to eight bytes as a little-endian number; missing ones count as zero.
/// (Zero mixes to zero, so an absent tail changes nothing.)
fn word(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

fn mix_first(k: u64) -> u64 {
    k.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2)
}

fn mix_second(k: u64) -> u64 {
    k.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1)
}

fn scatter(mut k: u64) -> u64 {
    k ^= k >> 33;
    k = k.wrapping_mul(0xff51_afd7_ed55_8ccd);
    k ^= k >> 33;
    k = k.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    k ^ (k >> 33)
}

#[cfg(test)]
mod tests {
    use super::x64_128;

    #[test]
    fn documented_hashes() {
        assert_eq!(x64_128(b"abc", 0), 79267961763742113019008347020647561319);
        assert_eq!(x64_128(b"def", 0), 114697464648834432121201791580882983835);
    }

    #[test]
    fn published_vector_longer_than_a_block() {
        // The often quoted check value e34bbc7bbc071b6c7a433ca9c49a9347.
        let hash = x64_128(b"The quick brown fox jumps over the lazy dog", 0);
        assert_eq!(hash, 0x7a43_3ca9_c49a_9347_e34b_bc7b_bc07_1b6c);
    }

    #[test]
    fn nothing_hashes_to_zero_and_the_seed_counts() {
        assert_eq!(x64_128(b"", 0), 0);
        assert_ne!(x64_128(b"abc", 0), x64_128(b"abc", 42));
    }
}
