//! Python's ways to print and round floats.

/// Returns Python's `repr` of a float: the shortest digits that read back as the same; `nan`, `inf`, `-inf`.
pub fn repr(value: f64) -> String {
    if !value.is_finite() {
        return not_finite(value);
    }
    // `{:e}` has the shortest digits: `-1.5e-7`
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = split_exponent(&scientific);
    if (-4..16).contains(&exponent) {
        let plain = format!("{value}");
        return match plain.contains('.') {
            true => plain,
            false => format!("{plain}.0"),
        };
    }
    with_exponent(mantissa, exponent)
}

/// Returns Python's `%.<digits>g`: so many significant digits, trailing zeros dropped.
pub fn significant(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return not_finite(value);
    }
    let digits = digits.clamp(1, 400);
    // So many digits, rounded: `-1.2346e-5`
    let scientific = format!("{value:.*e}", digits - 1);
    let (mantissa, exponent) = split_exponent(&scientific);
    let most = i32::try_from(digits).unwrap_or(i32::MAX);
    let mantissa = trimmed(mantissa);
    if exponent < -4 || exponent >= most {
        return with_exponent(mantissa, exponent);
    }
    // The same digits with the point elsewhere.
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    let (first, others) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let places = usize::try_from(exponent.unsigned_abs()).unwrap_or_default();
    let mut text = String::with_capacity(sign.len() + others.len() + places + 3);
    text.push_str(sign);
    if exponent < 0 {
        text.push_str("0.");
        text.extend(std::iter::repeat_n('0', places - 1));
        text.push_str(first);
        text.push_str(others);
        return text;
    }
    text.push_str(first);
    let (whole, fraction) = others.split_at(places.min(others.len()));
    text.push_str(whole);
    text.extend(std::iter::repeat_n('0', places - whole.len()));
    if !fraction.is_empty() {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

/// Returns Python's `round(value, digits)`: to the nearest, exact halves to even.
pub fn round(value: f64, digits: usize) -> f64 {
    if !value.is_finite() {
        return value;
    }
    // the decimal text is exact, as Python's algorithm is
    format!("{value:.*}", digits.min(400))
        .parse()
        .unwrap_or(value)
}

fn not_finite(value: f64) -> String {
    if value.is_nan() {
        "nan"
    } else if value > 0.0 {
        "inf"
    } else {
        "-inf"
    }
    .to_owned()
}

fn split_exponent(scientific: &str) -> (&str, i32) {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    (mantissa, exponent.parse().unwrap_or_default())
}

fn with_exponent(mantissa: &str, exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

fn trimmed(decimal: &str) -> &str {
    match decimal.contains('.') {
        true => decimal.trim_end_matches('0').trim_end_matches('.'),
        false => decimal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_significant_digits_as_tables_have_them() {
        let cases = [
            (411522.63, "4.1152e+05"),
            (3.7037037e-7, "3.7037e-07"),
            (1e20, "1e+20"),
            (0.1, "0.1"),
            (1.5789474515235498, "1.5789"),
            (99999.4, "99999"),
            (99999.5, "1e+05"),
            (100.0, "100"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (0.0, "0"),
            (-0.0, "-0"),
            (-2.5, "-2.5"),
            (1e-310, "1e-310"),
            (f64::NAN, "nan"),
            (f64::NEG_INFINITY, "-inf"),
        ];
        for (value, text) in cases {
            assert_eq!(significant(value, 5), text);
        }
        assert_eq!(significant(1234.5678, 2), "1.2e+03");
        assert_eq!(significant(0.1, 20), "0.10000000000000000555");
        assert_eq!(significant(0.5, 0), "0.5");
        assert_eq!(significant(120.0, 5), "120");
        assert_eq!(significant(-12034.0, 4), "-1.203e+04");
        assert_eq!(significant(-0.00012, 5), "-0.00012");
        assert_eq!(significant(12.5, 2), "12");
    }

    proptest::proptest! {
        /// The point is where `printf` puts it.
        #[test]
        fn so_many_digits_are_those_of_the_decimal(value in -1e6..1e6f64, digits in 1..12usize) {
            let text = significant(value, digits);
            if !text.contains('e') {
                let decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
                proptest::prop_assert_eq!(&text, &format!("{:.*}", decimals, value));
                let count = text.bytes().filter(u8::is_ascii_digit).count();
                proptest::prop_assert!(count <= digits + 5);
            }
        }
    }

    #[test]
    fn rounds_as_python_does() {
        let cases = [
            (2.675, 2, 2.67),
            (0.5, 0, 0.0),
            (1.5, 0, 2.0),
            (2.5, 0, 2.0),
            (0.125, 2, 0.12),
            (411522.630334, 5, 411522.63033),
            (3.7e-7, 5, 0.0),
            (-1.000005, 5, -1.00001),
            (1e300, 5, 1e300),
        ];
        for (value, digits, rounded) in cases {
            assert_eq!(round(value, digits), rounded, "{value} {digits}");
        }
        assert!(round(f64::NAN, 5).is_nan());
    }

    #[test]
    fn repr_is_the_shortest_that_reads_back() {
        let cases = [
            (0.1, "0.1"),
            (100000.0, "100000.0"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (1e100, "1e+100"),
            (-0.0, "-0.0"),
            (5e-324, "5e-324"),
            (f64::INFINITY, "inf"),
        ];
        for (value, text) in cases {
            assert_eq!(repr(value), text);
        }
    }
}
