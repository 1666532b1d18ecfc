//! `wallflower recover`: finishes what killed runs left.

use std::process::ExitCode;

use crate::args::RecoverArgs;
use crate::exit;
use crate::run::summary;

/// Zero when everything that was found is finished. What can't be finished stays where it is.
pub(crate) async fn recover(args: RecoverArgs) -> ExitCode {
    let recovered = match wallflower_agent::recover(&args.directory).await {
        Ok(recovered) => recovered,
        Err(failure) => {
            exit::explain(&failure);
            return ExitCode::from(failure.fault().exit_code());
        }
    };
    if recovered.is_empty() {
        eprintln!("{} holds nothing to be recovered", args.directory.display());
    }
    let mut code = ExitCode::SUCCESS;
    for one in recovered {
        for line in one.delivery.iter().flat_map(|delivery| summary(delivery, "  (recovered)")) {
            eprintln!("{line}");
        }
        if let Some(failure) = one.failure {
            exit::explain(&failure);
            code = ExitCode::from(failure.fault().exit_code());
        }
    }
    code
}
