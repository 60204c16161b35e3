//! Sizes in bytes, as qemu-img and virt-install write them, and durations.

use std::time::{Duration, UNIX_EPOCH};

/// One mebibyte in bytes.
pub const MIB: u64 = 1 << 20;
/// One gibibyte in bytes.
pub const GIB: u64 = 1 << 30;
/// The year 10000, in seconds since the epoch.
const LAST_MOMENT: u64 = 253_402_300_800;

/// Reads `100G`, `1.5T`, `512MiB` or plain bytes; every unit is a power of 1024. None when it is no size.
pub fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim().to_ascii_uppercase().as_str() {
        "" | "B" => 0,
        "K" | "KB" | "KIB" => 10,
        "M" | "MB" | "MIB" => 20,
        "G" | "GB" | "GIB" => 30,
        "T" | "TB" | "TIB" => 40,
        "P" | "PB" | "PIB" => 50,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let bytes = whole.parse::<u64>().ok()?.checked_mul(1 << shift)?;
    if fraction.is_empty() {
        return (!number.ends_with('.')).then_some(bytes);
    }
    if fraction.len() > 6 || shift == 0 {
        return None;
    }
    let part = fraction.parse::<u64>().ok()?.checked_mul(1 << shift)? / 10u64.pow(fraction.len() as u32);
    bytes.checked_add(part)
}

/// Writes a size in the largest unit that fits, with one decimal where one is needed: `100 GiB`, `1.5 MiB`.
pub fn format_size(bytes: u64) -> String {
    let units = [("PiB", 50), ("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    match units.iter().find(|(_, shift)| bytes >= 1 << shift) {
        None => format!("{bytes} B"),
        Some((unit, shift)) if bytes.is_multiple_of(1 << shift) => format!("{} {unit}", bytes >> shift),
        Some((unit, shift)) => format!("{:.1} {unit}", bytes as f64 / (1u64 << shift) as f64),
    }
}

/// Writes a size with two decimals: `4.00 MiB`, `512 B`.
pub fn bytes(bytes: u64) -> String {
    let units = [("PiB", 50), ("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    match units.iter().find(|(_, shift)| bytes >= 1 << shift) {
        None => format!("{bytes} B"),
        Some((unit, shift)) => format!("{:.2} {unit}", bytes as f64 / (1u64 << shift) as f64),
    }
}

/// Writes how long something took: `0.4 s`, `12.1 s`, `3m 5s`.
pub fn format_elapsed(time: Duration) -> String {
    match time.as_secs() {
        0..60 => format!("{:.1} s", time.as_secs_f64().min(59.9)),
        seconds => format_duration(seconds),
    }
}

/// Writes a duration without what is too small to matter beside its largest unit: `45s`, `3m 5s`, `2h 10m`, `12days 3h`.
pub fn format_duration(seconds: u64) -> String {
    let step = match seconds {
        0..3600 => 1,
        3600..86400 => 60,
        _ => 3600,
    };
    humantime::format_duration(Duration::from_secs(seconds - seconds % step)).to_string()
}

/// Writes a moment, in seconds since the epoch, as `2026-11-21T13:05:00Z`.
pub fn format_time(seconds: u64) -> String {
    let moment = UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
    // What no calendar has can only come from a broken record.
    let shown = |moment| humantime::format_rfc3339_seconds(moment).to_string();
    moment
        .filter(|_| seconds < LAST_MOMENT)
        .map_or_else(|| format!("{seconds} s after 1970"), shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        assert_eq!(parse_size("100G"), Some(100 * GIB));
        assert_eq!(parse_size(" 1.5 GiB"), Some(GIB + GIB / 2));
        assert_eq!(parse_size("512mb"), Some(512 * MIB));
        assert_eq!(parse_size("4096"), Some(4096));
        for bad in [
            "",
            "G",
            "-1G",
            "1.G",
            "1.2.3G",
            "10X",
            "1e3",
            "1.5",
            "99999999999999999999",
            "20000P",
        ] {
            assert_eq!(parse_size(bad), None, "{bad}");
        }
    }

    #[test]
    fn sizes_are_written() {
        assert_eq!(format_size(100 * GIB), "100 GiB");
        assert_eq!(format_size(3 * MIB / 2), "1.5 MiB");
        assert_eq!(format_size(12), "12 B");
    }

    #[test]
    fn durations_and_moments_are_written() {
        let written = [0, 45, 60, 185, 7805, 86400, 12 * 86400 + 3 * 3600 + 59].map(format_duration);
        assert_eq!(
            written,
            ["0s", "45s", "1m", "3m 5s", "2h 10m", "1day", "12days 3h"]
        );
        assert_eq!(format_time(1_795_266_300), "2026-11-21T13:05:00Z");
        assert_eq!(format_time(u64::MAX), format!("{} s after 1970", u64::MAX));
    }
}
