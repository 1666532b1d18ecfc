//! SHA-256 of what was delivered.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// Size, and SHA-256 in lower-case hexadecimal, of what lies on the disk.
pub(crate) async fn of_file(path: &Path) -> io::Result<(u64, String)> {
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || read(&path)).await.map_err(io::Error::other)?
}

fn read(path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let (mut sha256, mut bytes) = (Sha256::new(), 0);
    let mut buffer = vec![0; 1 << 18];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            let sum = sha256.finalize();
            return Ok((bytes, sum.iter().map(|byte| format!("{byte:02x}")).collect()));
        }
        sha256.update(&buffer[..read]);
        bytes += read as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_digest_is_what_sha256sum_says() {
        let file = tempfile::NamedTempFile::new().expect("temp file");
        std::fs::write(file.path(), b"abc").expect("written");
        let (bytes, sha256) = of_file(file.path()).await.expect("read");
        assert_eq!(bytes, 3);
        assert_eq!(sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
