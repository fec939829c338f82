//! What happens while it happens, on stderr, a line each.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};

use inspect::Event;
use inspect::report::Finding;
use report::TextOptions;

use crate::args::Color;
use crate::output::text_options;

/// Shows phases and findings as they come.
#[derive(Debug)]
pub struct Screen {
    options: TextOptions,
    show_values: bool,
    /// By finding: what was shown of it, its severity and how many identifiers.
    shown: BTreeMap<u32, (inspect::report::Severity, usize)>,
}

impl Screen {
    /// On stderr, in colour if `color` allows it.
    pub fn new(color: Color, show_values: bool) -> Self {
        let mut options = text_options(&io::stderr(), color);
        if !io::stderr().is_terminal() {
            // Nothing is cut in a file.
            options.width = usize::MAX;
        }
        Self { options, show_values, shown: BTreeMap::new() }
    }

    /// Shows an event, unless it tells nothing new. Flows are left to the report.
    pub fn show(&mut self, event: &Event) {
        let worth_it = match event {
            Event::Phase(_) => true,
            Event::Flow(_) => false,
            Event::Finding(finding) => self.is_news(finding),
        };
        if !worth_it {
            return;
        }
        let shown = if self.show_values {
            report::live_line(event, self.options)
        } else {
            report::live_line(&report::masked_event(event), self.options)
        };
        line(&shown);
    }

    fn is_news(&mut self, finding: &Finding) -> bool {
        let state = (finding.severity, finding.identifiers.len());
        self.shown.insert(finding.id, state) != Some(state)
    }
}

/// Shows a remark.
pub fn line(text: &str) {
    // A closed stderr must not end the session.
    let _ = writeln!(io::stderr(), "{text}");
}
