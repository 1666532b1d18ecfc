//! Addresses to which mail is sent.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Most addresses that a request may name.
pub const MAX_EMAILS: usize = 20;

/// An address such as `ada@example.org`: nothing in it can end a header or begin another one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("maxLength" = 254, "pattern" = PATTERN, "examples" = ["ada@example.org"])))]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress(String);

/// What is taken, as JSON Schema has it.
#[cfg(feature = "schema")]
const PATTERN: &str = r"^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$";

/// A text is no address.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("\"{0}\" is no e-mail address; write it as ada@example.org")]
pub struct EmailError(String);

impl EmailAddress {
    const LONGEST: usize = 254;
    const LONGEST_LOCAL: usize = 64;

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is behind the `@`, in lower case.
    pub fn domain(&self) -> String {
        self.0.rsplit('@').next().unwrap_or_default().to_ascii_lowercase()
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = EmailError;

    fn try_from(text: String) -> Result<Self, EmailError> {
        let fits = text.len() <= Self::LONGEST
            && text.split_once('@').is_some_and(|(local, domain)| is_local(local) && is_domain(domain));
        if fits { Ok(Self(text)) } else { Err(EmailError(text.chars().take(80).collect())) }
    }
}

fn is_local(local: &str) -> bool {
    let is_atom = |atom: &str| {
        !atom.is_empty()
            && atom.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&byte))
    };
    local.len() <= EmailAddress::LONGEST_LOCAL && local.split('.').all(is_atom)
}

fn is_domain(domain: &str) -> bool {
    domain.split('.').all(|label| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    })
}

impl std::str::FromStr for EmailAddress {
    type Err = EmailError;

    fn from_str(text: &str) -> Result<Self, EmailError> {
        Self::try_from(text.to_owned())
    }
}

impl From<EmailAddress> for String {
    fn from(address: EmailAddress) -> Self {
        address.0
    }
}

impl std::fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_are_told_from_what_is_none() {
        for good in ["a@b", "ada.lovelace+rec@mail.example.org", "o'neil@ex-ample.org"] {
            assert!(good.parse::<EmailAddress>().is_ok(), "{good}");
        }
        let long = format!("{}@example.org", "a".repeat(65));
        for bad in
            ["", "a", "@b", "a@", "a@b@c", "a..b@c", ".a@b", "a@b..c", "a@-b", "a b@c", "a@b\r\nBcc: c@d", "ä@b", &long]
        {
            assert!(bad.parse::<EmailAddress>().is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_taken_is_one_line_of_plain_text(text in "[a-c@. \\r\\n<>,:;\"]{0,12}") {
            if let Ok(address) = text.parse::<EmailAddress>() {
                prop_assert!(!address.as_str().contains([' ', '\r', '\n', '<', '>', ',', ':', ';', '"']));
            }
        }
    }
}
