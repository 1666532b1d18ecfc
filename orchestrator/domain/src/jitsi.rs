//! How a Jitsi deployment lets the recorder in.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::secret::Secret;

/// As whom a Jitsi room is joined.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum JitsiLogin {
    /// A guest, whom everybody in the room sees.
    #[default]
    Guest,
    /// An account of the deployment's hidden domain, whom the others' clients don't show.
    Account {
        /// `recorder@recorder.meet.example.org`; without a domain it is that of the deployment's `config.js`.
        user: String,
        /// Its password.
        #[cfg_attr(test, ts(type = "string"))]
        password: Secret,
    },
    /// Who a token (JWT) of the deployment says, and everybody in the room sees.
    Token {
        /// The token.
        #[cfg_attr(test, ts(type = "string"))]
        token: Secret,
    },
}

impl JitsiLogin {
    /// Whether the room's members see the recorder among them.
    pub fn is_visible(&self) -> bool {
        !matches!(self, Self::Account { .. })
    }
}

/// All that is needed to get into a Jitsi room.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export))]
#[serde(deny_unknown_fields)]
pub struct JitsiAccess {
    /// As whom.
    pub login: JitsiLogin,
    /// The room's own password, where it has one that holds for the recorder, too.
    #[cfg_attr(test, ts(type = "string | null"))]
    pub passcode: Option<Secret>,
}

/// What is given of user, password, token and passcode makes no sense together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum JitsiAccessError {
    /// One without the other.
    #[error("a Jitsi account is its user and its password: give both, or neither")]
    HalfAnAccount,
    /// Two logins.
    #[error("a Jitsi room is joined by an account or by a token: give one of them")]
    AccountAndToken,
}

impl JitsiAccess {
    /// From what was given; empty texts are as if they were not.
    ///
    /// # Errors
    ///
    /// Half an account, or an account and a token.
    pub fn of(
        user: Option<&str>,
        password: Option<&Secret>,
        token: Option<&Secret>,
        passcode: Option<&Secret>,
    ) -> Result<Self, JitsiAccessError> {
        let said = |secret: Option<&Secret>| secret.filter(|secret| !secret.expose().is_empty()).cloned();
        let user = user.filter(|user| !user.is_empty()).map(str::to_owned);
        let login = match (user, said(password), said(token)) {
            (Some(_), Some(_), Some(_)) => return Err(JitsiAccessError::AccountAndToken),
            (Some(user), Some(password), None) => JitsiLogin::Account { user, password },
            (None, None, Some(token)) => JitsiLogin::Token { token },
            (None, None, None) => JitsiLogin::Guest,
            _ => return Err(JitsiAccessError::HalfAnAccount),
        };
        Ok(Self { login, passcode: said(passcode) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_an_account_or_a_token_or_nobody() {
        let (secret, empty) = (Secret::new("hunter2"), Secret::new(""));
        let of = |user, password, token| JitsiAccess::of(user, password, token, None).map(|access| access.login);
        let account = JitsiLogin::Account { user: "recorder".into(), password: secret.clone() };
        assert_eq!(of(Some("recorder"), Some(&secret), None), Ok(account.clone()));
        assert_eq!(of(None, None, Some(&secret)), Ok(JitsiLogin::Token { token: secret.clone() }));
        assert_eq!(of(None, None, None), Ok(JitsiLogin::Guest));
        assert_eq!(of(Some(""), Some(&empty), None), Ok(JitsiLogin::Guest));
        for half in
            [of(Some("recorder"), None, None), of(None, Some(&secret), None), of(None, Some(&secret), Some(&secret))]
        {
            assert_eq!(half, Err(JitsiAccessError::HalfAnAccount));
        }
        assert_eq!(of(Some("recorder"), Some(&secret), Some(&secret)), Err(JitsiAccessError::AccountAndToken));
        assert!(!account.is_visible() && JitsiLogin::Guest.is_visible());
        assert!(JitsiLogin::Token { token: secret }.is_visible());
    }

    #[test]
    fn what_opens_a_room_is_never_printed() {
        let access =
            JitsiAccess::of(Some("recorder"), Some(&"hunter2".to_owned().into()), None, Some(&Secret::new("hunter2")));
        assert!(!format!("{access:?}").contains("hunter2"));
    }
}
