//! Hashes as they are written, in hex digits.

use std::fmt;
use std::ops::Deref;

/// `N` hex digits, a text without memory of its own: folders of a million files have one for each.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hex<const N: usize>([u8; N]);

/// An md5.
pub type Md5Hex = Hex<32>;
/// A sha256.
pub type Sha256Hex = Hex<64>;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

impl<const N: usize> Hex<N> {
    /// Takes `N` lower-case hex digits over; `None` if it is anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let is_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let digits: [u8; N] = text.as_bytes().try_into().ok()?;
        digits.iter().all(is_hex).then_some(Hex(digits))
    }

    /// Writes `N / 2` bytes in hex digits.
    pub fn of(bytes: &[u8]) -> Self {
        let mut digits = [b'0'; N];
        for (pair, byte) in digits.chunks_mut(2).zip(bytes) {
            pair.copy_from_slice(&[byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)]));
        }
        Hex(digits)
    }

    /// Returns the bytes that the digits write.
    pub fn bytes(&self) -> impl Iterator<Item = u8> + '_ {
        let value = |digit: u8| match digit {
            b'0'..=b'9' => digit - b'0',
            _ => digit - b'a' + 10,
        };
        self.0
            .chunks_exact(2)
            .map(move |pair| value(pair[0]) << 4 | value(pair[1]))
    }
}

impl<const N: usize> Deref for Hex<N> {
    type Target = str;

    fn deref(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl<const N: usize> fmt::Display for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl<const N: usize> fmt::Debug for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<const N: usize> PartialEq<str> for Hex<N> {
    fn eq(&self, other: &str) -> bool {
        **self == *other
    }
}

impl<const N: usize> PartialEq<&str> for Hex<N> {
    fn eq(&self, other: &&str) -> bool {
        **self == **other
    }
}

impl<const N: usize> PartialEq<String> for Hex<N> {
    fn eq(&self, other: &String) -> bool {
        **self == **other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_lower_case_hex_of_its_length_only() {
        let text = "d41d8cd98f00b204e9800998ecf8427e";
        let md5 = Md5Hex::parse(text).unwrap();
        assert_eq!(
            (md5, md5.to_string()),
            (Md5Hex::parse(&md5).unwrap(), text.to_owned())
        );
        assert_eq!(format!("{md5:?}"), format!("{text:?}"));
        let short = &text[1..];
        for other in [
            "",
            short,
            &format!("D{short}"),
            &format!("{text}0"),
            &format!("g{short}"),
        ] {
            assert_eq!(Md5Hex::parse(other), None, "{other}");
        }
        assert_eq!(Hex::<4>::of(&[0x0f, 0xa0]), "0fa0");
        assert!(Hex::<4>::of(&[0x0f, 0xa0]).bytes().eq([0x0f, 0xa0]));
    }
}
