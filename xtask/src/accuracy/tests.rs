use super::*;

/// A slice of another corpus than the one that is measured by default, with the same thresholds.
#[test]
fn a_slice_of_a_corpus_reaches_the_thresholds() {
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let board = measure(2019, 12, workers, 12, &|_| {}).unwrap();
    assert_eq!(board.flows, [3000, 3000]);
    assert_eq!(board.below(), Vec::<String>::new(), "{}", table::text(&board));
}

#[test]
fn the_outcome_does_not_depend_on_the_number_of_workers() {
    let tables = [1, 3].map(|workers| table::json(&measure(7, 3, workers, 5, &|_| {}).unwrap(), 7));
    assert_eq!(tables[0], tables[1]);
    assert!(tables[0]["claims"]["right"].as_u64().unwrap() > 500, "{}", tables[0]);
}
