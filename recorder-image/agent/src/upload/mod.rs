//! Delivered files on their way to a store: S3, Google Cloud Storage, Azure, or a directory.
//!
//! ```text
//! Destination ─▶ Store::open ─▶ check (before the room is joined) ─▶ put: parts ▶ complete ▶ verify ─▶ Uploaded
//!                                                                     ▲
//! OUT/.NAME.ID.upload.jsonl    the ledger: what is to be uploaded,    │    written before the first byte is sent,
//!                              and what is there already ─▶ Backlog ──┤    removed when all of it is verified
//! HLS segments, playlists, … while recording ─▶ Uploader ─────────────┘
//! ```
//!
//! * **Patience**: what may go better is tried again until nothing was accepted for as long as [`Terms::patience`] says. Parts that
//!   the store has are not sent again.
//! * **Memory**: a part is 8 MiB (more for files beyond 78 GiB) and at most three are held, so an upload takes some 25 MiB.
//! * **Verified** means equal in size and content ([`VerifiedBy`]). S3 and what speaks it: the entity tag is the MD5 of the parts'
//!   MD5s; where it is not, as with SSE-KMS, the parts' SHA-256, which the server computed. Google and Azure give neither for a file in parts,
//!   so the copy is read back, which costs its traffic; so is one in a directory.
//! * **Before anything is sent** [`Store::check`] begins an upload in parts, sends one of ten bytes and aborts it: that takes the same
//!   permission as an upload and leaves no object, no version and no notification. (In a directory it is a file that is removed; at
//!   Azure, where nothing can be aborted, a block that belongs to no blob and expires.)
//!
//! [`VerifiedBy`]: wallflower_domain::upload::VerifiedBy

mod backlog;
mod credentials;
mod ledger;
mod patience;
mod put;
mod source;
mod store;
mod trouble;
mod uploader;

pub use backlog::{Listener, Outcome, PendingUpload, pending_uploads, retry, upload};
pub use credentials::Credentials;
pub use ledger::{Ledger, OpenLedger, Order};
pub use put::{Step, Terms};
pub use store::Store;
pub use uploader::Uploader;
