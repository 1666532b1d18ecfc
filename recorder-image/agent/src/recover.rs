//! Finishes what dead runs left.

use std::path::Path;

use wallflower_domain::failure::Failure;
use wallflower_domain::wire::agent::Delivery;

use crate::delivery::{Destination, unwritable};
use crate::programs::Programs;
use crate::spool::abandoned_spools;

/// What came of one spool.
#[derive(Debug)]
pub struct Recovered {
    /// Where it was.
    pub spool: String,
    /// The file that was made of it, or why there is none; the spool is still there then.
    pub outcome: Result<Delivery, Failure>,
}

/// Finishes every abandoned spool of a directory, one after the other. Empty when there is none.
pub async fn recover(folder: &Path) -> Result<Vec<Recovered>, Failure> {
    let programs = Programs::find()?;
    // Pieces are made by programs that run elsewhere.
    let folder = std::path::absolute(folder).map_err(|error| unwritable(folder, &error))?;
    let mut recovered = Vec::new();
    for spool in abandoned_spools(&folder) {
        let outcome = match Destination::left_in(&spool) {
            Ok(destination) => destination.deliver(&programs, None).await,
            Err(failure) => Err(failure),
        };
        recovered.push(Recovered { spool: spool.display().to_string(), outcome });
    }
    Ok(recovered)
}
