//! Exit codes, as documented in the README and in `--help`.

use std::process::ExitCode;

use wallflower_domain::failure::Failure;
use wallflower_domain::recording::{EndReason, Recording, State};

use crate::words;

/// The machine's or Wallflower's own fault.
pub(crate) const PLATFORM: u8 = 1;
/// Ended by Ctrl-C or SIGTERM before there was any media, or abandoned by a second one.
pub(crate) const ABORTED: u8 = 130;

/// What a command comes to.
pub(crate) fn code(result: Result<Recording, Failure>) -> ExitCode {
    let recording = match result {
        Ok(recording) => recording,
        Err(failure) => {
            explain(&failure);
            return ExitCode::from(failure.fault().exit_code());
        }
    };
    match (recording.state, &recording.failure) {
        (_, Some(failure)) if recording.end == Some(EndReason::Stopped) => {
            explain(failure);
            ExitCode::from(ABORTED)
        }
        (_, Some(failure)) => {
            explain(failure);
            ExitCode::from(failure.fault().exit_code())
        }
        (State::Completed, None) => ExitCode::SUCCESS,
        (State::Aborted, None) => {
            words::to_stderr("wallflower: stopped before there was anything to record; no file was made");
            ExitCode::from(ABORTED)
        }
        (state, None) => {
            words::to_stderr(format_args!("wallflower: ended in state {state:?} without a reason; please report this"));
            ExitCode::from(PLATFORM)
        }
    }
}

/// One sentence, then what the page had to say.
pub(crate) fn explain(failure: &Failure) {
    words::to_stderr(format_args!("wallflower: {}", failure.message));
    let Some(evidence) = &failure.evidence else { return };
    for (title, lines) in
        [("the page's console", &evidence.console), ("requests that failed", &evidence.failed_requests)]
    {
        if !lines.is_empty() {
            words::to_stderr(format_args!("  {title}:"));
        }
        for line in lines.iter().rev().take(10).rev() {
            words::to_stderr(format_args!("    {line}"));
        }
    }
    if let Some(picture) = &evidence.screenshot {
        words::to_stderr(format_args!("  what the page showed: {picture}"));
    }
}
