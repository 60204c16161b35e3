//! Sizes in bytes, as qemu-img and virt-install write them, and durations.

/// One mebibyte in bytes.
pub const MIB: u64 = 1 << 20;
/// One gibibyte in bytes.
pub const GIB: u64 = 1 << 30;

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

/// Writes a duration in its two largest units: `45 s`, `3 min 5 s`, `2 h 10 min`, `12 d 3 h`.
pub fn format_duration(seconds: u64) -> String {
    let units = [("d", 86400), ("h", 3600), ("min", 60), ("s", 1)];
    let first = units
        .iter()
        .position(|(_, length)| seconds >= *length)
        .unwrap_or(units.len() - 1);
    let mut left = seconds;
    let mut parts = Vec::new();
    for (unit, length) in &units[first..units.len().min(first + 2)] {
        let count = left / length;
        left %= length;
        if count > 0 || parts.is_empty() {
            parts.push(format!("{count} {unit}"));
        }
    }
    parts.join(" ")
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
    fn durations_are_written_in_two_units() {
        let written = [0, 45, 60, 185, 7800, 86400, 12 * 86400 + 3 * 3600 + 59].map(format_duration);
        assert_eq!(
            written,
            [
                "0 s",
                "45 s",
                "1 min",
                "3 min 5 s",
                "2 h 10 min",
                "1 d",
                "12 d 3 h"
            ]
        );
    }
}
