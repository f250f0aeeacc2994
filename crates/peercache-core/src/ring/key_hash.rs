//! twemproxy's hashes of keys (P-02), each as that program computes it on x86-64 and not as it is published
//! elsewhere. Where a key has bytes from 0x80 up, some of them take a byte as a signed number; a fleet that
//! ran twemproxy on another processor may differ there, and nowhere else.
//!
//! Written from their descriptions, and held to vectors that the real programs made (`tests/ketama`).

use crate::spec::KeyHash;
use md5::{Digest, Md5};

/// The hash of `key` by `hash`.
pub(super) fn hash_with(hash: KeyHash, key: &[u8]) -> u32 {
    match hash {
        KeyHash::OneAtATime => one_at_a_time(key),
        KeyHash::Md5 => md5(key),
        KeyHash::Crc16 => crc16(key),
        KeyHash::Crc32 => (crc32(key) >> 16) & 0x7fff,
        KeyHash::Crc32a => crc32(key),
        KeyHash::Fnv1With64 => fnv1(FNV_64, key),
        KeyHash::Fnv1aWith64 => fnv1a(FNV_64, key),
        KeyHash::Fnv1With32 => fnv1(FNV_32, key),
        KeyHash::Fnv1aWith32 => fnv1a(FNV_32, key),
        KeyHash::Hsieh => hsieh(key),
        KeyHash::Murmur => murmur(key),
        KeyHash::Jenkins => jenkins(key),
    }
}

/// A byte as C's `char` has it on x86-64: signed.
fn signed(byte: u8) -> u32 {
    i32::from(byte.cast_signed()).cast_unsigned()
}

fn one_at_a_time(key: &[u8]) -> u32 {
    let mut hash = 0u32;
    for &byte in key {
        hash = hash.wrapping_add(signed(byte));
        hash = hash.wrapping_add(hash << 10);
        hash ^= hash >> 6;
    }
    hash = hash.wrapping_add(hash << 3);
    hash ^= hash >> 11;
    hash.wrapping_add(hash << 15)
}

fn md5(key: &[u8]) -> u32 {
    let digest = Md5::digest(key);
    u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]])
}

/// The CCITT polynomial, and a register that is never cut to 16 bits: the upper ones drift out to the left.
fn crc16(key: &[u8]) -> u32 {
    key.iter().fold(0u32, |crc, &byte| {
        let mut low = ((crc >> 8) as u8 ^ byte) as u32;
        low <<= 8;
        for _ in 0..8 {
            low = if low & 0x8000 == 0 { low << 1 } else { (low << 1) ^ 0x1021 };
        }
        (crc << 8) ^ (low & 0xffff)
    })
}

const CRC32_TABLE: [u32; 256] = crc32_table();

const fn crc32_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < table.len() {
        let mut crc = index as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 0 { crc >> 1 } else { (crc >> 1) ^ 0xedb8_8320 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
}

fn crc32(key: &[u8]) -> u32 {
    !key.iter().fold(u32::MAX, |crc, &byte| (crc >> 8) ^ CRC32_TABLE[usize::from(crc as u8 ^ byte)])
}

/// Where a Fowler–Noll–Vo hash begins, and what it multiplies by. Of a product only the low 32 bits are
/// wanted, and those come from the low 32 bits of both factors.
type Fnv = (u32, u32);

const FNV_32: Fnv = (0x811c_9dc5, 0x0100_0193);
const FNV_64: Fnv = (0x8422_2325, 0x0000_01b3);

fn fnv1((start, prime): Fnv, key: &[u8]) -> u32 {
    key.iter().fold(start, |hash, &byte| hash.wrapping_mul(prime) ^ signed(byte))
}

fn fnv1a((start, prime): Fnv, key: &[u8]) -> u32 {
    key.iter().fold(start, |hash, &byte| (hash ^ signed(byte)).wrapping_mul(prime))
}

fn hsieh(key: &[u8]) -> u32 {
    let pair = |bytes: &[u8]| u32::from(u16::from_le_bytes([bytes[0], bytes[1]]));
    let mut hash = 0u32;
    let mut fours = key.chunks_exact(4);
    for four in &mut fours {
        hash = hash.wrapping_add(pair(four));
        hash = (hash << 16) ^ (pair(&four[2..]) << 11) ^ hash;
        hash = hash.wrapping_add(hash >> 11);
    }
    match fours.remainder() {
        rest @ [_, _, third] => {
            hash = hash.wrapping_add(pair(rest));
            hash ^= hash << 16;
            hash ^= signed(*third) << 18;
            hash = hash.wrapping_add(hash >> 11);
        }
        rest @ [_, _] => {
            hash = hash.wrapping_add(pair(rest));
            hash ^= hash << 11;
            hash = hash.wrapping_add(hash >> 17);
        }
        [only] => {
            hash = hash.wrapping_add(u32::from(*only));
            hash ^= hash << 10;
            hash = hash.wrapping_add(hash >> 1);
        }
        _ => {}
    }
    hash ^= hash << 3;
    hash = hash.wrapping_add(hash >> 5);
    hash ^= hash << 4;
    hash = hash.wrapping_add(hash >> 17);
    hash ^= hash << 25;
    hash.wrapping_add(hash >> 6)
}

fn murmur(key: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let length = key.len() as u32;
    let mut hash = 0xdead_beef_u32.wrapping_mul(length) ^ length;
    let mut fours = key.chunks_exact(4);
    for four in &mut fours {
        let mut word = le_word(four).wrapping_mul(M);
        word ^= word >> 24;
        hash = hash.wrapping_mul(M) ^ word.wrapping_mul(M);
    }
    if !fours.remainder().is_empty() {
        hash = (hash ^ le_word(fours.remainder())).wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

/// Up to four bytes as a little-endian number.
fn le_word(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte))
}

fn jenkins(key: &[u8]) -> u32 {
    let start = 0xdead_beef_u32.wrapping_add(key.len() as u32).wrapping_add(13);
    let [mut a, mut b, mut c] = [start; 3];
    let mut rest = key;
    while rest.len() > 12 {
        let (twelve, after) = rest.split_at(12);
        [a, b, c] = jenkins_add([a, b, c], twelve);
        // Each word is mixed with the one after it, around the circle, turned by these many bits.
        for bits in [4, 6, 8, 16, 19, 4] {
            a = a.wrapping_sub(c) ^ c.rotate_left(bits);
            c = c.wrapping_add(b);
            [a, b, c] = [b, c, a];
        }
        rest = after;
    }
    if rest.is_empty() {
        return c;
    }
    [a, b, c] = jenkins_add([a, b, c], rest);
    for bits in [14, 11, 25, 16, 4, 14, 24] {
        c = (c ^ b).wrapping_sub(b.rotate_left(bits));
        [a, b, c] = [b, c, a];
    }
    // Seven turns leave the last word changed in the middle.
    b
}

/// Adds up to twelve bytes to three words.
fn jenkins_add(words: [u32; 3], bytes: &[u8]) -> [u32; 3] {
    let mut parts = bytes.chunks(4).map(le_word);
    words.map(|word| word.wrapping_add(parts.next().unwrap_or(0)))
}
