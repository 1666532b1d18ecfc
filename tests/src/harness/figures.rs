//! How strict a figure is: the design's goals are for an idle machine, and tests run on any.

/// A goal of the design where `IDLE_MACHINE` is set, as by `make bench`; elsewhere a bound beyond which something is broken, not slow.
pub fn within<T>(goal: T, bound: T) -> T {
    if std::env::var_os("IDLE_MACHINE").is_some() { goal } else { bound }
}
