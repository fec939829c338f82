//! Checks of what the crates import.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde::Deserialize;

use crate::run;

/// Which crates of the project each may import (development dependencies aside).
const IMPORTS: [(&str, &[&str]); 12] = [
    ("packet", &[]),
    ("inspect", &["packet"]),
    ("netstack", &["packet"]),
    ("recording", &["packet"]),
    ("report", &["packet", "inspect"]),
    ("sim", &["packet", "inspect", "netstack", "recording"]),
    ("tunnel", &["packet", "inspect", "netstack", "recording"]),
    ("telltale", &["packet", "inspect", "netstack", "recording", "report", "tunnel", "sim"]),
    ("android", &["packet", "inspect", "netstack", "recording", "report", "tunnel"]),
    ("fuzz", &["packet", "inspect", "recording", "netstack", "sim"]),
    // It says what is true; the engine must have no part in that.
    ("corpus", &[]),
    ("xtask", &["corpus", "packet", "inspect", "recording", "report", "netstack", "sim", "tunnel", "fuzz"]),
];

/// Crates whose output may depend on their input alone.
const DETERMINISTIC: [&str; 5] = ["packet", "inspect", "netstack", "sim", "corpus"];

/// What brings clocks, threads, sockets, randomness or a foreign runtime into a crate.
const IMPURE: [&str; 9] =
    ["tokio", "async-std", "smol", "mio", "socket2", "jni", "rand", "getrandom", "rustix"];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
    workspace_members: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    kind: Option<String>,
}

pub(super) fn check() -> Result<Vec<String>> {
    let json =
        run::output(run::cargo().args(["metadata", "--format-version", "1", "--all-features", "--locked"]))?;
    let metadata: Metadata = serde_json::from_slice(&json)?;
    let graph = Graph::of(&metadata);
    let mut complaints = Vec::new();
    for id in &metadata.workspace_members {
        let name = graph.names[id.as_str()];
        let Some((_, allowed)) = IMPORTS.iter().find(|(known, _)| *known == name) else {
            complaints.push(format!("{name}: a crate that tidy does not know"));
            continue;
        };
        for import in graph.imports(id).filter(|import| metadata.workspace_members.contains(*import)) {
            let import = graph.names[import];
            if !allowed.contains(&import) {
                complaints.push(format!("{name}: imports {import}"));
            }
        }
        if DETERMINISTIC.contains(&name) {
            let closure = graph.closure(id);
            for impure in closure.into_iter().filter(|crate_name| IMPURE.contains(crate_name)) {
                complaints.push(format!("{name}: its dependencies hold {impure}"));
            }
        }
    }
    Ok(complaints)
}

struct Graph<'a> {
    names: BTreeMap<&'a str, &'a str>,
    edges: BTreeMap<&'a str, Vec<&'a str>>,
}

impl<'a> Graph<'a> {
    fn of(metadata: &'a Metadata) -> Self {
        let names =
            metadata.packages.iter().map(|package| (package.id.as_str(), package.name.as_str())).collect();
        let is_shipped =
            |dependency: &&Dependency| dependency.dep_kinds.iter().any(|kind| kind.kind.is_none());
        let node = |node: &'a Node| {
            let shipped = node.deps.iter().filter(is_shipped).map(|dependency| dependency.pkg.as_str());
            (node.id.as_str(), shipped.collect())
        };
        Self { names, edges: metadata.resolve.nodes.iter().map(node).collect() }
    }

    fn imports(&self, id: &str) -> impl Iterator<Item = &'a str> {
        self.edges.get(id).into_iter().flatten().copied()
    }

    /// The names of everything that `id` is built from.
    fn closure(&self, id: &str) -> BTreeSet<&'a str> {
        let mut seen: BTreeSet<&str> = self.imports(id).collect();
        let mut open: Vec<&str> = seen.iter().copied().collect();
        while let Some(next) = open.pop() {
            open.extend(self.imports(next).filter(|import| seen.insert(import)));
        }
        seen.into_iter().map(|id| self.names[id]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closure_holds_what_is_shipped_only() -> Result<()> {
        let dependency = |id, kind| serde_json::json!({"pkg": id, "dep_kinds": [{"kind": kind}]});
        let metadata: Metadata = serde_json::from_value(serde_json::json!({
            "packages": [{"id": "1", "name": "a"}, {"id": "2", "name": "b"}, {"id": "3", "name": "c"}, {"id": "4", "name": "d"}],
            "workspace_members": ["1"],
            "resolve": {"nodes": [
                {"id": "1", "deps": [dependency("2", None::<&str>), dependency("4", Some("dev"))]},
                {"id": "2", "deps": [dependency("3", None), dependency("4", Some("build"))]},
                {"id": "3", "deps": []},
                {"id": "4", "deps": []},
            ]},
        }))?;
        assert_eq!(Graph::of(&metadata).closure("1").into_iter().collect::<Vec<_>>(), ["b", "c"]);
        Ok(())
    }
}
