//! Git object ids, and the short form in which people see them.

use crate::error::{Error, Result};

pub use gix::ObjectId;

/// How many hex digits of a commit people see: DVC's 7, so that tables and scripts agree.
pub const SHORT_LENGTH: usize = 7;

/// Returns the first [`SHORT_LENGTH`] hex digits of `id`.
pub fn short(id: &gix::oid) -> String {
    id.to_hex_with_len(SHORT_LENGTH).to_string()
}

/// Returns bytes of the operating system's random source.
pub fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::io("cannot get random bytes").caused_by(error))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_see_seven_digits() {
        let id = ObjectId::from_hex(b"963b396bba7e3d0a2b3e8bd4bcb13d9cd0a1bcd3").unwrap();
        assert_eq!(short(&id), "963b396");
    }

    #[test]
    fn random_bytes_differ() {
        assert_ne!(random::<16>().unwrap(), random::<16>().unwrap());
    }
}
