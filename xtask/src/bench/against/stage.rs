//! Where a contender is measured, and where its figures are kept.

use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use super::contender::Contender;
use super::figure::Figure;
use super::scene::Scene;
use super::suite::Suite;

/// One figure of one contender in one round.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Sample {
    pub suite: Suite,
    pub mtu: usize,
    /// What of the suite it is.
    pub cell: String,
    pub figure: Figure,
    pub contender: Contender,
    pub round: usize,
    /// `None` when it failed.
    pub value: Option<f64>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// A contender, measured in one suite.
pub(super) struct Stage<'a> {
    pub suite: Suite,
    pub contender: Contender,
    pub mtu: usize,
    pub round: usize,
    pub scratch: &'a Path,
    pub samples: &'a mut Vec<Sample>,
    scene: Option<Scene>,
}

/// Figures that were measured together.
type Values = Vec<(Figure, f64)>;

impl<'a> Stage<'a> {
    pub(super) fn new(
        suite: Suite,
        contender: Contender,
        mtu: usize,
        round: usize,
        scratch: &'a Path,
        samples: &'a mut Vec<Sample>,
    ) -> Self {
        Self { suite, contender, mtu, round, scratch, samples, scene: None }
    }

    /// Measures `figures` of a cell. When that fails, it is kept as failed, and the next starts anew.
    pub(super) fn measure(
        &mut self,
        cell: &str,
        figures: &[Figure],
        measure: impl FnOnce(&Scene) -> Result<Values>,
    ) {
        let result = self.scene().and_then(measure);
        if result.is_err() {
            self.scene = None;
        }
        self.keep_all(cell, figures, result);
    }

    /// The same for what needs no engine in a namespace.
    pub(super) fn measure_alone(
        &mut self,
        cell: &str,
        figures: &[Figure],
        measure: impl FnOnce() -> Result<Values>,
    ) {
        self.keep_all(cell, figures, measure());
    }

    /// Ends the engine. The next measurement starts another.
    pub(super) fn clear(&mut self) {
        self.scene = None;
    }

    fn scene(&mut self) -> Result<&Scene> {
        if self.scene.is_none() {
            self.scene = Some(Scene::set(self.contender, self.mtu, self.scratch)?);
        }
        Ok(self.scene.as_ref().expect("it was set"))
    }

    fn keep_all(&mut self, cell: &str, figures: &[Figure], result: Result<Values>) {
        match result {
            Ok(values) => values.into_iter().for_each(|(figure, value)| self.keep(cell, figure, Ok(value))),
            Err(error) => {
                let failure = format!("{error:#}");
                eprintln!("  {cell}: {failure}");
                figures.iter().for_each(|figure| self.keep(cell, *figure, Err(failure.clone())));
            }
        }
    }

    fn keep(&mut self, cell: &str, figure: Figure, result: Result<f64, String>) {
        let (value, failure) = match result {
            Ok(value) => (Some(value), None),
            Err(failure) => (None, Some(failure)),
        };
        self.samples.push(Sample {
            suite: self.suite,
            mtu: self.mtu,
            cell: cell.to_owned(),
            figure,
            contender: self.contender,
            round: self.round,
            value,
            failure,
        });
    }
}
