//! Probabilities, computed so that every machine gets the same bits.

/// What is less likely than this is written as this: smaller numbers only say how much was captured.
const LEAST: f64 = 1e-12;

/// How likely `least` or more of `trials` succeed by chance, each with probability `p`.
pub fn binomial_tail(trials: usize, least: usize, p: f64) -> f64 {
    if least == 0 || p >= 1.0 {
        return 1.0;
    }
    if least > trials || p <= 0.0 {
        return 0.0;
    }
    let mut term = binomial(trials, least, p);
    let mut sum = term;
    for successes in least..trials {
        term *= (trials - successes) as f64 / (successes + 1) as f64 * (p / (1.0 - p));
        sum += term;
        // Beyond the mode each term is smaller than the one before.
        if term <= sum * 1e-17 && (successes as f64) > trials as f64 * p {
            break;
        }
    }
    sum.min(1.0)
}

/// How likely exactly `successes` of `trials` are. Small and large factors take turns, so that nothing overflows and
/// only what is truly tiny underflows.
fn binomial(trials: usize, successes: usize, p: f64) -> f64 {
    let mut product = 1.0;
    let mut failures = trials - successes;
    for index in 1..=successes {
        product *= (trials - successes + index) as f64 / index as f64 * p;
        while product > 1.0 && failures > 0 {
            product *= 1.0 - p;
            failures -= 1;
        }
    }
    for _ in 0..failures {
        product *= 1.0 - p;
    }
    product
}

/// Two significant digits, from [`LEAST`] to 1.
pub fn two_digits(chance: f64) -> f64 {
    format!("{:.1e}", chance.clamp(LEAST, 1.0)).parse().unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_are_those_of_the_textbook() {
        let near = |is: f64, ought: f64| assert!((is - ought).abs() <= ought * 1e-9, "{is} {ought}");
        near(binomial_tail(10, 8, 0.5), 56.0 / 1024.0);
        near(binomial_tail(3, 3, 0.01), 1e-6);
        near(binomial_tail(3, 2, 0.01), 2.98e-4);
        near(binomial_tail(5, 1, 0.1), 0.40951);
        near(binomial_tail(1, 1, 0.25), 0.25);
    }

    #[test]
    fn the_edges_are_certain_or_impossible() {
        assert_eq!(binomial_tail(7, 0, 0.1), 1.0);
        assert_eq!(binomial_tail(7, 8, 0.9), 0.0);
        assert_eq!(binomial_tail(7, 7, 1.0), 1.0);
        assert_eq!(binomial_tail(7, 1, 0.0), 0.0);
    }

    #[test]
    fn large_numbers_neither_overflow_nor_vanish() {
        let half = binomial_tail(2_001, 1_001, 0.5);
        assert!((half - 0.5).abs() < 1e-6, "{half}");
        assert!(binomial_tail(2_000, 1_000, 0.001) < 1e-300);
        assert!(binomial_tail(2_000, 2, 0.001) > 0.59);
    }

    #[test]
    fn two_digits_are_kept() {
        assert_eq!(two_digits(0.012_345), 0.012);
        assert_eq!(two_digits(0.0), 1e-12);
        assert_eq!(two_digits(7.0), 1.0);
    }
}
