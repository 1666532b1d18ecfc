//! `redis://user:password@host:6379/0?prefix=wf`

use url::Url;

use super::StoreError;

const PREFIX: &str = "wf";
const MAX_PREFIX: usize = 64;

/// Where a Redis is, and what our keys there begin with.
pub(super) struct Address {
    pub(super) client: redis::Client,
    pub(super) prefix: String,
    /// Host and port: all of it that may be shown.
    pub(super) shown: String,
}

impl Address {
    pub(super) fn parse(text: &str) -> Result<Self, StoreError> {
        // Not the parsers' words: these may quote the password.
        let refused = |why: &str| {
            StoreError::Broken(format!(
                "the address of Redis {why}; write redis://[user:password@]host[:6379][/0][?prefix=wf], or rediss:// for TLS"
            ))
        };
        let mut url = Url::parse(text).map_err(|_| refused("is no URL"))?;
        let Some(host) = url.host_str() else { return Err(refused("names no host")) };
        let shown = format!("{host}:{}", url.port().unwrap_or(6379));
        let mut prefix = PREFIX.to_owned();
        for (name, value) in url.query_pairs() {
            match name.as_ref() {
                "prefix" if is_prefix(&value) => prefix = value.into_owned(),
                "prefix" => return Err(refused("has a prefix that is not 1 to 64 letters, digits, and _ - . : { }")),
                _ => return Err(refused("has a parameter other than \"prefix\"")),
            }
        }
        if url.fragment().is_some() {
            return Err(refused("has a #fragment, or a # in its password that has to be written as %23"));
        }
        url.set_query(None);
        if url.scheme() == "rediss" {
            // Only the first in a process counts; whoever was before has the same.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let client = redis::Client::open(url).map_err(|_| refused("can't be understood"))?;
        Ok(Self { client, prefix, shown })
    }
}

fn is_prefix(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.:{}".contains(c);
    (1..=MAX_PREFIX).contains(&text.len()) && text.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_password() {
        let Ok(address) = Address::parse("redis://me:hunter2@store.example:7000/3?prefix=wf:test") else {
            panic!("it is valid")
        };
        assert_eq!((address.shown.as_str(), address.prefix.as_str()), ("store.example:7000", "wf:test"));
        assert_eq!(address.client.get_connection_info().redis_settings().db(), 3);
        let Ok(address) = Address::parse("rediss://store.example") else { panic!("it is valid") };
        assert_eq!((address.shown.as_str(), address.prefix.as_str()), ("store.example:6379", "wf"));
    }

    #[test]
    fn a_bad_address_is_refused_and_not_quoted() {
        for (address, said) in [
            ("redis://me:hunter2@", "redis://"),
            ("redis://me:hunter2@host:port", "no URL"),
            ("redis://me:hunter2@host/zero", "understood"),
            ("redis://me:hunter2@host/0?perfix=a", "\"prefix\""),
            ("redis://me:hunter2@host/0?prefix=a%20b", "letters"),
            ("redis://me:hunter2@host/0?prefix=", "letters"),
            ("redis://host/0#hunter2", "#fragment"),
        ] {
            let Err(error) = Address::parse(address) else { panic!("{address} was taken") };
            let error = error.to_string();
            assert!(error.contains(said) && !error.contains("hunter2"), "{address}: {error}");
        }
    }
}
