//! Credentials of stores, from the environment.

use wallflower_domain::destination::{Destination, DestinationError, Surroundings};
use wallflower_domain::secret::Secret;

/// Beginnings of the names of variables that stores know.
const FAMILIES: [&str; 3] = ["AWS_", "GOOGLE_", "AZURE_"];

/// Variables of the environment that are for stores. `Debug` shows their names only.
#[derive(Clone, Debug, Default)]
pub struct Credentials(Vec<(String, Secret)>);

impl Credentials {
    /// Those of this process.
    pub fn from_env() -> Self {
        Self::of(
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
        )
    }

    /// Whether a variable of this name is for stores: those that are meant by themselves, or those that a destination asks for.
    pub(crate) fn are_in(name: &str) -> bool {
        FAMILIES.iter().any(|family| name.starts_with(family) || name.contains(&format!("_{family}")))
    }

    /// The ones for stores among these variables. Empty ones count as not set.
    pub fn of(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let variables = variables.into_iter().filter(|(name, value)| Self::are_in(name) && !value.is_empty());
        Self(variables.map(|(name, value)| (name, Secret::new(value))).collect())
    }

    /// Variables of a family for this destination, without the beginning that it asks for, in lower case as stores name them.
    pub(super) fn settings(&self, destination: &Destination, family: &str) -> Vec<(String, &Secret)> {
        let of_destination = |name: &str| match destination.env() {
            Some(prefix) => name.strip_prefix(prefix)?.strip_prefix('_').map(str::to_owned),
            None => Some(name.to_owned()),
        };
        let names = self.0.iter().filter_map(|(name, value)| Some((of_destination(name)?, value)));
        names.filter(|(name, _)| name.starts_with(family)).map(|(name, value)| (name.to_lowercase(), value)).collect()
    }

    /// The destination with the server, region and account that the environment says, none of which are secret.
    pub fn settle(&self, destination: Destination) -> Result<Destination, DestinationError> {
        let (s3, azure) = (self.settings(&destination, "AWS_"), self.settings(&destination, "AZURE_"));
        let value = |settings: &[(String, &Secret)], names: &[&str]| {
            names.iter().find_map(|name| {
                settings.iter().find(|(known, _)| known == name).map(|(_, value)| value.expose().to_owned())
            })
        };
        let endpoint = value(&s3, &["aws_endpoint_url_s3", "aws_endpoint_url", "aws_endpoint"]);
        let region = value(&s3, &["aws_region", "aws_default_region"]);
        let account = value(&azure, &["azure_storage_account_name"]);
        destination.settled(&Surroundings {
            endpoint: endpoint.as_deref(),
            region: region.as_deref(),
            account: account.as_deref(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials() -> Credentials {
        let variables = [
            ("AWS_ACCESS_KEY_ID", "usual"),
            ("AWS_SECRET_ACCESS_KEY", "hunter2"),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_SESSION_TOKEN", ""),
            ("BACKUP_AWS_ACCESS_KEY_ID", "backup"),
            ("BACKUP_AWS_ENDPOINT_URL", "http://127.0.0.1:9000"),
            ("PATH", "/bin"),
        ];
        Credentials::of(variables.map(|(name, value)| (name.to_owned(), value.to_owned())))
    }

    #[test]
    fn each_destination_has_the_variables_that_it_asks_for() {
        let names = |text: &str| -> Vec<(String, String)> {
            let destination = text.parse().expect("a destination");
            let credentials = credentials();
            let settings = credentials.settings(&destination, "AWS_");
            settings.into_iter().map(|(name, value)| (name, value.expose().to_owned())).collect()
        };
        let own = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            names("s3://bucket"),
            [
                own("aws_access_key_id", "usual"),
                own("aws_secret_access_key", "hunter2"),
                own("aws_region", "eu-central-1")
            ]
        );
        assert_eq!(
            names("s3://bucket?env=BACKUP"),
            [own("aws_access_key_id", "backup"), own("aws_endpoint_url", "http://127.0.0.1:9000")]
        );
        assert_eq!(names("s3://bucket?env=OTHER"), []);
    }

    #[test]
    fn a_settled_destination_says_where_the_environment_sent_it() {
        let settle =
            |text: &str| credentials().settle(text.parse().expect("a destination")).expect("sound").to_string();
        assert_eq!(settle("s3://bucket"), "s3://bucket/{name}?region=eu-central-1");
        assert_eq!(settle("s3://bucket?env=BACKUP"), "s3://bucket/{name}?endpoint=http://127.0.0.1:9000&env=BACKUP");
    }

    #[test]
    fn credentials_are_never_printed() {
        let text = format!("{:?}", credentials());
        assert!(
            text.contains("AWS_SECRET_ACCESS_KEY") && !text.contains("hunter2") && !text.contains("PATH"),
            "{text}"
        );
    }
}
