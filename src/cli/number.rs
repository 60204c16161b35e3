//! Whole numbers of a command line, which are refused in words of ours.

use std::ops::RangeInclusive;

/// Reads a whole number of the range; a parser for clap.
pub fn number<T: TryFrom<u64>>(
    range: RangeInclusive<u64>,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static {
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        let number = number.and_then(|number| T::try_from(number).ok());
        number.ok_or_else(|| {
            format!(
                "it takes a whole number from {} to {}",
                range.start(),
                range.end()
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_the_range_are_read() {
        let octet = number::<u8>(0..=255);
        assert_eq!(octet("255"), Ok(255));
        for text in ["256", "-1", "x", "", "1.0", "99999999999999999999999"] {
            assert_eq!(
                octet(text),
                Err("it takes a whole number from 0 to 255".into()),
                "{text}"
            );
        }
    }
}
