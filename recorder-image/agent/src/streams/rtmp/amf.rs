//! AMF0: how RTMP writes values. The few types that publishing needs, and the reading of what servers answer.

use bytes::{Buf, BufMut};

/// Objects deeper in each other than this are nobody's answer to a publisher.
const DEEPEST: u32 = 8;
/// Most values that one message may hold.
const MOST: usize = 256;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Number(f64),
    Boolean(bool),
    Text(String),
    Null,
    /// Also AMF's "ECMA array", which differs by nothing but its marker.
    Object(Vec<(String, Value)>),
    List(Vec<Value>),
}

impl Value {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// A property of an object.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(properties) => properties.iter().find(|(found, _)| found == name).map(|(_, value)| value),
            _ => None,
        }
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Number(number) => {
                out.put_u8(0);
                out.put_f64(*number);
            }
            Self::Boolean(truth) => out.put_slice(&[1, u8::from(*truth)]),
            Self::Text(text) => match u16::try_from(text.len()) {
                Ok(length) => {
                    out.put_u8(2);
                    out.put_u16(length);
                    out.put_slice(text.as_bytes());
                }
                Err(_) => {
                    out.put_u8(12);
                    out.put_u32(u32::try_from(text.len()).unwrap_or(u32::MAX));
                    out.put_slice(text.as_bytes());
                }
            },
            Self::Null => out.put_u8(5),
            Self::Object(properties) => {
                out.put_u8(3);
                write_properties(properties, out);
            }
            Self::List(values) => {
                out.put_u8(10);
                out.put_u32(u32::try_from(values.len()).unwrap_or(u32::MAX));
                values.iter().for_each(|value| value.write(out));
            }
        }
    }
}

/// Metadata are written as an "ECMA array": there are servers that read no other.
pub(crate) fn write_array(properties: &[(String, Value)], out: &mut Vec<u8>) {
    out.put_u8(8);
    out.put_u32(u32::try_from(properties.len()).unwrap_or(u32::MAX));
    write_properties(properties, out);
}

fn write_properties(properties: &[(String, Value)], out: &mut Vec<u8>) {
    for (name, value) in properties {
        out.put_u16(u16::try_from(name.len()).unwrap_or(u16::MAX));
        out.put_slice(name.as_bytes());
        value.write(out);
    }
    out.put_slice(&[0, 0, 9]);
}

/// The values of a message. What comes after something unknown is left out.
pub(crate) fn read_all(mut bytes: &[u8]) -> Vec<Value> {
    let mut values = Vec::new();
    let mut left = MOST;
    while let Some(value) = read(&mut bytes, DEEPEST, &mut left) {
        values.push(value);
    }
    values
}

fn read(bytes: &mut &[u8], depth: u32, left: &mut usize) -> Option<Value> {
    let depth = depth.checked_sub(1)?;
    *left = left.checked_sub(1)?;
    let marker = bytes.try_get_u8().ok()?;
    Some(match marker {
        0 => Value::Number(bytes.try_get_f64().ok()?),
        1 => Value::Boolean(bytes.try_get_u8().ok()? != 0),
        2 => Value::Text(read_text(bytes)?),
        3 => Value::Object(read_properties(bytes, depth, left)?),
        5 | 6 => Value::Null,
        8 => {
            bytes.try_get_u32().ok()?;
            Value::Object(read_properties(bytes, depth, left)?)
        }
        10 => {
            let count = bytes.try_get_u32().ok()?;
            Value::List((0..count).map(|_| read(bytes, depth, left)).collect::<Option<_>>()?)
        }
        // A date: milliseconds, and a time zone that is always 0.
        11 => {
            let number = bytes.try_get_f64().ok()?;
            bytes.try_get_u16().ok()?;
            Value::Number(number)
        }
        12 => {
            let length = bytes.try_get_u32().ok()? as usize;
            Value::Text(take_text(bytes, length)?)
        }
        _ => return None,
    })
}

fn read_properties(bytes: &mut &[u8], depth: u32, left: &mut usize) -> Option<Vec<(String, Value)>> {
    let mut properties = Vec::new();
    loop {
        let name = read_text(bytes)?;
        if name.is_empty() && bytes.first() == Some(&9) {
            bytes.advance(1);
            return Some(properties);
        }
        properties.push((name, read(bytes, depth, left)?));
    }
}

fn read_text(bytes: &mut &[u8]) -> Option<String> {
    let length = usize::from(bytes.try_get_u16().ok()?);
    take_text(bytes, length)
}

fn take_text(bytes: &mut &[u8], length: usize) -> Option<String> {
    let text = String::from_utf8_lossy(bytes.get(..length)?).into_owned();
    bytes.advance(length);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<i32>().prop_map(|number| Value::Number(f64::from(number))),
            any::<bool>().prop_map(Value::Boolean),
            "[a-z.]{0,20}".prop_map(Value::Text),
            Just(Value::Null),
        ];
        leaf.prop_recursive(4, 20, 4, |inner| {
            prop_oneof![
                prop::collection::vec(("[a-z]{1,8}", inner.clone()), 0..4).prop_map(Value::Object),
                prop::collection::vec(inner, 0..4).prop_map(Value::List),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(values in prop::collection::vec(value(), 0..4)) {
            let mut bytes = Vec::new();
            values.iter().for_each(|value| value.write(&mut bytes));
            prop_assert_eq!(read_all(&bytes), values);
        }

        #[test]
        fn no_bytes_are_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_all(&bytes);
        }
    }

    #[test]
    fn a_long_text_has_a_marker_of_its_own() {
        let long = Value::text("x".repeat(70_000));
        let mut bytes = Vec::new();
        long.write(&mut bytes);
        assert_eq!((bytes[0], read_all(&bytes)), (12, vec![long]));
    }

    #[test]
    fn an_array_is_read_as_an_object() {
        let mut bytes = Vec::new();
        write_array(&[("width".to_owned(), Value::Number(640.0))], &mut bytes);
        assert_eq!(read_all(&bytes)[0].get("width"), Some(&Value::Number(640.0)));
    }

    #[test]
    fn objects_in_objects_without_end_are_not_followed() {
        let bytes: Vec<u8> = std::iter::repeat_n([3, 0, 1, b'a'], 10_000).flatten().collect();
        assert_eq!(read_all(&bytes), []);
    }
}
