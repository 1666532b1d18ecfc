//! A file that is read in parts, and the sums of what was read.

use std::fs::File;
use std::io::Read as _;

use base64::Engine as _;
use bytes::Bytes;
use md5::Md5;
use sha2::{Digest as _, Sha256};

const MIB: u64 = 1024 * 1024;
/// Stores want 5 MiB at least, but for the last part.
const PART: u64 = 8 * MIB;
/// As many as S3 and Google Cloud Storage take.
const MAX_PARTS: u64 = 10_000;

/// Size of a file's parts: all are equal but the last. The same file always has the same parts.
pub(super) fn part_size(bytes: u64) -> u64 {
    PART.max(bytes.div_ceil(MAX_PARTS).next_multiple_of(MIB))
}

/// A file of which so many bytes are to be read.
pub(super) struct Source {
    file: File,
    left: u64,
    part: u64,
    sums: Summing,
}

impl Source {
    pub(super) fn new(file: File, bytes: u64) -> Self {
        Self { file, left: bytes, part: part_size(bytes), sums: Summing::default() }
    }

    /// The next part; an empty one at the end. It blocks.
    pub(super) fn next(&mut self) -> std::io::Result<Bytes> {
        let size = self.left.min(self.part);
        let mut part = vec![0; usize::try_from(size).map_err(std::io::Error::other)?];
        self.file.read_exact(&mut part)?;
        self.left -= size;
        if size > 0 {
            self.sums.update(&part);
        }
        Ok(part.into())
    }

    pub(super) fn sums(self) -> Sums {
        self.sums.finish()
    }
}

#[derive(Default)]
struct Summing {
    sha256: Sha256,
    parts: Vec<Part>,
}

struct Part {
    md5: [u8; 16],
    sha256: [u8; 32],
}

impl Summing {
    fn update(&mut self, part: &[u8]) {
        self.sha256.update(part);
        self.parts.push(Part { md5: Md5::digest(part).into(), sha256: Sha256::digest(part).into() });
    }

    fn finish(self) -> Sums {
        let entity_tag = match self.parts.as_slice() {
            [] => hex(&Md5::digest([])),
            [one] => hex(&one.md5),
            parts => format!(
                "{}-{}",
                hex(&Md5::digest(parts.iter().map(|part| part.md5).collect::<Vec<_>>().concat())),
                parts.len()
            ),
        };
        let encoded = |part: &Part| base64::engine::general_purpose::STANDARD.encode(part.sha256);
        Sums {
            sha256: hex(&self.sha256.finalize()),
            entity_tag,
            parts_sha256: self.parts.iter().map(encoded).collect(),
        }
    }
}

/// Sums of a whole file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sums {
    /// In hexadecimal digits.
    pub(super) sha256: String,
    /// What S3 makes the entity tag: the MD5 of a file in one part; or that of the parts' MD5s, and how many they are.
    entity_tag: String,
    /// In base64, as S3 writes them.
    parts_sha256: Vec<String>,
}

impl Sums {
    /// Of what is in memory, sent in one part.
    pub(super) fn of(content: &[u8]) -> Self {
        let mut sums = Summing::default();
        sums.update(content);
        sums.finish()
    }

    /// Whether an entity tag proves that its object has this content. One that does not match proves nothing: it may be no MD5 at all.
    pub(super) fn prove(&self, entity_tag: Option<&str>) -> bool {
        entity_tag.is_some_and(|tag| tag.trim_matches('"').eq_ignore_ascii_case(&self.entity_tag))
    }

    /// Whether the store computed each part's SHA-256, and found ours. `ids` are what it answered to each part.
    pub(super) fn match_parts<'a>(&self, ids: impl ExactSizeIterator<Item = &'a str>) -> bool {
        ids.len() == self.parts_sha256.len()
            && ids.zip(&self.parts_sha256).all(|(id, sum)| {
                let answered = id.split_once("<ChecksumSHA256>").and_then(|(_, rest)| rest.split_once('<'));
                answered.is_some_and(|(answered, _)| answered == sum)
            })
    }
}

/// SHA-256 of what comes in pieces.
#[derive(Default)]
pub(super) struct Readback(Sha256);

impl Readback {
    pub(super) fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    pub(super) fn sha256(self) -> String {
        hex(&self.0.finalize())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn parts_are_as_large_as_the_number_of_parts_demands() {
        const GIB: u64 = 1024 * MIB;
        for (bytes, mib) in [(0, 8), (60 * MIB, 8), (78 * GIB, 8), (80 * GIB, 9), (5 * 1024 * GIB, 525)] {
            let part = part_size(bytes);
            assert_eq!(part, mib * MIB, "{bytes}");
            assert!(bytes.div_ceil(part) <= MAX_PARTS, "{bytes}");
        }
    }

    #[test]
    fn sums_are_those_of_the_content_and_the_tag_that_of_s3() {
        let sums = Sums::of(b"abc");
        assert_eq!(sums.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert!(sums.prove(Some("\"900150983CD24FB0D6963F7D28E17F72\"")));
        assert!(!sums.prove(Some("\"900150983cd24fb0d6963f7d28e17f72-1\"")) && !sums.prove(None));
        let id = "<PartMetadata><ETag>x</ETag><ChecksumSHA256>ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=</ChecksumSHA256></PartMetadata>";
        assert!(sums.match_parts([id].into_iter()));
        assert!(!sums.match_parts([id, id].into_iter()) && !sums.match_parts(["<ETag>x</ETag>"].into_iter()));
    }

    #[test]
    fn a_file_is_read_in_parts_up_to_its_size_when_it_was_opened() {
        let mut file = tempfile::tempfile().expect("temp file");
        let size = PART + 3;
        file.write_all(&vec![7; usize::try_from(size).expect("fits")]).expect("written");
        file.write_all(b"what came later").expect("written");
        let reader = file.try_clone().expect("cloned");
        std::io::Seek::rewind(&mut &reader).expect("rewound");
        let mut source = Source::new(reader, size);
        let lengths: Vec<usize> = (0..3).map(|_| source.next().expect("read").len()).collect();
        assert_eq!(lengths, [8 * 1024 * 1024, 3, 0]);
        let sums = source.sums();
        // By md5sum of each part, and of both sums together.
        assert!(sums.entity_tag.ends_with("-2"), "{}", sums.entity_tag);
        let parts = [Md5::digest(vec![7; 8 * 1024 * 1024]), Md5::digest([7; 3])].concat();
        assert!(sums.prove(Some(&format!("{}-2", hex(&Md5::digest(parts))))));
    }

    #[test]
    fn a_file_that_became_shorter_is_an_error() {
        let mut file = tempfile::tempfile().expect("temp file");
        file.write_all(b"short").expect("written");
        std::io::Seek::rewind(&mut file).expect("rewound");
        assert!(Source::new(file, 6).next().is_err());
    }
}
