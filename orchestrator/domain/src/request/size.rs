//! A size as text: `"1280x720"`.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::frame::FrameSize;

#[expect(clippy::ref_option, reason = "serde's signature")]
pub(super) fn serialize<S: Serializer>(size: &Option<FrameSize>, serializer: S) -> Result<S::Ok, S::Error> {
    size.map(|size| size.to_string()).serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<FrameSize>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| text.parse().map_err(de::Error::custom)).transpose()
}
