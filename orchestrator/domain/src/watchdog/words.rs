//! Numbers as people say them.

use std::time::Duration;

/// Such as `2.5 s`, `5 min` or `1 h 30 min`.
pub(super) fn length(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{} s", (duration.as_secs_f64() * 10.0).round() / 10.0),
        60..3600 if seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ if seconds % 3600 < 60 => format!("{} h", seconds / 3600),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Such as `350 MB` or `1.5 GB`.
pub(super) fn size(bytes: u64) -> String {
    let (mega, giga) = (1_000_000, 1_000_000_000);
    if bytes < giga {
        return format!("{} MB", bytes / mega);
    }
    format!("{}.{} GB", bytes / giga, bytes % giga / (giga / 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (ms, words) in [
            (0, "0 s"),
            (2_500, "2.5 s"),
            (30_000, "30 s"),
            (300_000, "5 min"),
            (312_000, "5 min 12 s"),
            (5_400_000, "1 h 30 min"),
            (86_400_000, "24 h"),
            (3_601_000, "1 h"),
        ] {
            assert_eq!(length(Duration::from_millis(ms)), words);
        }
        for (bytes, words) in
            [(0, "0 MB"), (350_999_999, "350 MB"), (1_500_000_000, "1.5 GB"), (u64::MAX, "18446744073.7 GB")]
        {
            assert_eq!(size(bytes), words);
        }
    }
}
