//! The same for many files, as many at once as there are processors.

use rayon::prelude::*;

/// Does `act` for each of `items`; returns what came of them in their order, or an error of one.
///
/// No threads are started for one item.
pub(crate) fn each<T: Send, R: Send, E: Send>(
    items: impl IntoIterator<Item = T>,
    act: impl Fn(T) -> Result<R, E> + Send + Sync,
) -> Result<Vec<R>, E> {
    let items: Vec<T> = items.into_iter().collect();
    match items.len() {
        0 | 1 => items.into_iter().map(act).collect(),
        _ => items.into_par_iter().map(act).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_order_and_the_error() {
        let half = |number: u32| match number % 2 {
            0 => Ok(number / 2),
            _ => Err(number),
        };
        assert_eq!(each([], half), Ok(vec![]));
        assert_eq!(each([8], half), Ok(vec![4]));
        assert_eq!(each([7], half), Err(7));
        let evens = (0..500).map(|number| number * 2);
        assert_eq!(each(evens, half), Ok((0..500).collect()));
        assert_eq!(each([2, 4, 5, 6], half), Err(5));
    }
}
