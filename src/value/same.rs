//! Python's `==`, by which DVC decides whether a param changed.

use super::Value;
use std::cmp::Ordering;

impl Value {
    /// Whether Python's `==` holds: `3 == 3.0`, `True == 1`, `"3" != 3`; mappings regardless of order.
    /// NaN differs from everything, itself included.
    pub fn same(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Str(a), Value::Str(b)) => a == b,
            (Value::List(a), Value::List(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b))
            }
            (Value::Map(a), Value::Map(b)) => {
                a.len() == b.len()
                    && a.iter().all(|(key, a)| {
                        b.get_key_value(key.as_str())
                            .is_some_and(|(found, b)| found.is_text() == key.is_text() && a.same(b))
                    })
            }
            _ => match (Number::of(self), Number::of(other)) {
                (Some(a), Some(b)) => a.compare(&b) == Some(Ordering::Equal),
                _ => false,
            },
        }
    }

    /// Whether both have the same types and contents to the last bit; mappings regardless of order, NaN is NaN.
    pub fn identical(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Float(a), Value::Float(b)) => {
                a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
            }
            (Value::List(a), Value::List(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.identical(b))
            }
            (Value::Map(a), Value::Map(b)) => {
                a.len() == b.len()
                    && a.iter().all(|(key, a)| {
                        b.get_key_value(key.as_str()).is_some_and(|(found, b)| {
                            found.is_text() == key.is_text() && a.identical(b)
                        })
                    })
            }
            (a, b) => a == b,
        }
    }

    /// Returns the order of two numbers as Python has it (`True` is 1); `None` with NaN, or unless both are numbers.
    pub fn compare_numbers(&self, other: &Value) -> Option<Ordering> {
        Number::of(self)?.compare(&Number::of(other)?)
    }

    /// Returns the number as the nearest float; `None` unless it is one (`True` is 1).
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Bool(value) => Some(f64::from(u8::from(*value))),
            Value::Int(value) => Some(*value as f64),
            Value::BigInt(digits) => digits.parse().ok(),
            Value::Float(value) => Some(*value),
            _ => None,
        }
    }
}

/// A number without loss: integers do not become floats, as in Python.
enum Number<'value> {
    Int(i64),
    /// Beyond `i64`, as decimal digits without leading zeros.
    Big(&'value str),
    Float(f64),
}

impl<'value> Number<'value> {
    fn of(value: &'value Value) -> Option<Self> {
        match value {
            Value::Bool(value) => Some(Number::Int(i64::from(*value))),
            Value::Int(value) => Some(Number::Int(*value)),
            Value::BigInt(digits) => Some(Number::Big(digits)),
            Value::Float(value) => Some(Number::Float(*value)),
            _ => None,
        }
    }

    fn compare(&self, other: &Number) -> Option<Ordering> {
        match (self, other) {
            (Number::Int(a), Number::Int(b)) => Some(a.cmp(b)),
            (Number::Float(a), Number::Float(b)) => a.partial_cmp(b),
            (Number::Float(a), b) => b.compare_to_float(*a).map(Ordering::reverse),
            (a, Number::Float(b)) => a.compare_to_float(*b),
            (a, b) => Some(compare_digits(&a.digits(), &b.digits())),
        }
    }

    fn digits(&self) -> String {
        match self {
            Number::Int(value) => value.to_string(),
            Number::Big(digits) => (*digits).to_owned(),
            Number::Float(value) => format!("{value:.0}"),
        }
    }

    fn compare_to_float(&self, float: f64) -> Option<Ordering> {
        if float.is_nan() {
            return None;
        }
        if float.is_infinite() {
            return Some(match float > 0.0 {
                true => Ordering::Less,
                false => Ordering::Greater,
            });
        }
        // decimal text of a whole float is exact
        let whole = float.trunc();
        let order = compare_digits(&self.digits(), &format!("{:.0}", whole + 0.0));
        Some(order.then_with(|| {
            0.0_f64
                .partial_cmp(&(float - whole))
                .unwrap_or(Ordering::Equal)
        }))
    }
}

/// Compares decimal integers of any length.
fn compare_digits(a: &str, b: &str) -> Ordering {
    let parts = |text: &str| match text.strip_prefix('-') {
        Some(rest) => (rest != "0", rest.to_owned()),
        None => (false, text.to_owned()),
    };
    let ((a_negative, a), (b_negative, b)) = (parts(a), parts(b));
    let magnitude = a.len().cmp(&b.len()).then_with(|| a.cmp(&b));
    match (a_negative, b_negative) {
        (false, false) => magnitude,
        (true, true) => magnitude.reverse(),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{Key, Map};

    #[test]
    fn numbers_are_the_same_whatever_their_type() {
        let same = |a: Value, b: Value| a.same(&b) && b.same(&a);
        assert!(same(Value::Int(3), Value::Float(3.0)));
        assert!(same(Value::Bool(true), Value::Int(1)));
        assert!(same(Value::Bool(false), Value::Float(-0.0)));
        assert!(same(
            Value::BigInt("1".to_owned() + &"0".repeat(22)),
            Value::Float(1e22)
        ));
        assert!(same(
            Value::Float(9007199254740992.0),
            Value::Int(9007199254740992)
        ));
        assert!(!same(
            Value::Float(9007199254740992.0),
            Value::Int(9007199254740993)
        ));
        assert!(!same(Value::Int(3), Value::Str("3".into())));
        assert!(!same(Value::Null, Value::Int(0)));
        assert!(!same(Value::Float(f64::NAN), Value::Float(f64::NAN)));
        assert!(!same(
            Value::Float(f64::INFINITY),
            Value::BigInt("9".repeat(400))
        ));
    }

    #[test]
    fn nested_values_compare_deeply() {
        let list = |items: &[Value]| Value::from(items.to_vec());
        assert!(list(&[1.into(), 2.0.into()]).same(&list(&[1.0.into(), 2.into()])));
        assert!(!list(&[1.into()]).same(&list(&[1.into(), 2.into()])));
        let map = |entries: &[(&str, Value)]| {
            Value::Map(
                entries
                    .iter()
                    .map(|(key, value)| (Key::from(*key), value.clone()))
                    .collect(),
            )
        };
        assert!(
            map(&[("a", 1.into()), ("b", 2.into())])
                .same(&map(&[("b", 2.0.into()), ("a", true.into())]))
        );
        assert!(!map(&[("a", 1.into())]).same(&map(&[("b", 1.into())])));
        let mut numbered = Map::new();
        numbered.extend(Key::of(&Value::Int(1)).map(|key| (key, Value::Null)));
        assert!(!Value::from(numbered.clone()).same(&map(&[("1", Value::Null)])));
        assert!(Value::from(numbered.clone()).same(&Value::from(numbered)));
    }

    #[test]
    fn order_is_exact_between_integers_and_floats() {
        let order = |a: Value, b: Value| a.compare_numbers(&b);
        assert_eq!(order(2.into(), 2.5.into()), Some(Ordering::Less));
        assert_eq!(order((-2).into(), (-2.5).into()), Some(Ordering::Greater));
        assert_eq!(order(0.into(), (-0.5).into()), Some(Ordering::Greater));
        assert_eq!(
            order(Value::BigInt("-99999999999999999999".into()), 1.into()),
            Some(Ordering::Less)
        );
        assert_eq!(
            order(i64::MAX.into(), 9223372036854775808.0.into()),
            Some(Ordering::Less)
        );
        assert_eq!(order(1.into(), f64::NAN.into()), None);
        assert_eq!(order(1.into(), "1".into()), None);
        assert_eq!(
            order(
                1e300.into(),
                Value::BigInt("1".to_owned() + &"0".repeat(300))
            ),
            Some(Ordering::Greater)
        );
    }
}
