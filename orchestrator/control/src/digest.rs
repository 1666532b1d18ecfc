//! Digests, as they are kept in place of what is secret or long.

use sha2::{Digest as _, Sha256};

/// Hexadecimal SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
