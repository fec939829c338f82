use super::*;
use crate::mask::masked;
use crate::testdata;

/// Elements that have no end tag.
const VOID: [&str; 4] = ["meta", "br", "input", "!doctype"];

/// Reads `html` as strictly as XML (script and style aside) and hands each start tag to `each`.
///
/// # Panics
/// When a tag is not closed in its order, an attribute is not quoted, or a `<` or `&` stands alone in text.
fn walk(html: &str, mut each: impl FnMut(&str, &[(&str, &str)])) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        assert!(!rest[..start].contains('>'), "text with >: {}", &rest[..start]);
        for entity in rest[..start].split('&').skip(1) {
            assert!(entity.split_once(';').is_some_and(|(name, _)| name.len() < 7), "&{entity}");
        }
        rest = &rest[start + 1..];
        let (tag, after) = rest.split_once('>').expect("the tag ends");
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "closed out of order");
            continue;
        }
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        each(name, &attributes_of(attributes.trim_end_matches('/')));
        if tag.ends_with('/') || VOID.contains(&name) {
            continue;
        }
        open.push(name);
        if matches!(name, "style" | "script") {
            rest = &rest[rest.find(&format!("</{name}>")).expect("it ends")..];
        }
    }
    assert!(open.is_empty(), "still open: {open:?}");
}

fn attributes_of(mut text: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    while !text.trim().is_empty() {
        text = text.trim_start();
        let end = text.find([' ', '=']).unwrap_or(text.len());
        let (name, after) = text.split_at(end);
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "attribute {name:?}");
        match after.strip_prefix("=\"") {
            Some(quoted) => {
                let (value, after) = quoted.split_once('"').expect("the value ends");
                found.push((name, value));
                text = after;
            }
            None => {
                assert!(!after.starts_with('='), "{name} is not quoted");
                found.push((name, ""));
                text = after;
            }
        }
    }
    found
}

#[test]
fn tags_are_balanced_and_ids_are_single() {
    for report in testdata::all() {
        let html = to_html(&report);
        let mut ids = BTreeSet::new();
        let mut links = BTreeSet::new();
        walk(&html, |name, attributes| {
            for (key, value) in attributes {
                assert!(!key.starts_with("on"), "{name} {key}");
                match *key {
                    "id" => assert!(ids.insert(value.to_string()), "{value} twice"),
                    "href" => {
                        links.insert(value.strip_prefix('#').expect("only links within the page").to_owned());
                    }
                    "src" | "srcset" | "action" | "data" | "style" => panic!("{name} has {key}"),
                    _ => {}
                }
            }
        });
        let missing: Vec<_> = links.difference(&ids).collect();
        assert!(missing.iter().all(|link| *link == "flow-9999"), "{missing:?}");
    }
}

#[test]
fn nothing_from_the_network_becomes_markup() {
    let html = to_html(&testdata::hostile());
    let mut scripts = 0;
    walk(&html, |name, _| {
        scripts += usize::from(name == "script");
        assert!(!matches!(name, "img" | "iframe" | "object" | "embed" | "link" | "base" | "form"), "{name}");
    });
    assert_eq!(scripts, 1);
    assert!(
        html.contains("&#60;script&#62;alert(document.cookie)")
            || html.contains("&lt;script&gt;alert(document.cookie)")
    );
    assert!(!html.chars().any(|c| c != '\n' && words::is_invisible(c)));
}

#[test]
fn the_page_asks_for_nothing_and_runs_one_script() {
    let html = to_html(&testdata::first_boot());
    assert!(!html.contains("http://") && !html.contains("https://") && !html.contains("@import"));
    let script = html.split("<script>").nth(1).and_then(|rest| rest.split("</script>").next()).unwrap();
    let hash = format!("script-src 'sha256-{}'", STANDARD.encode(Sha256::digest(script)));
    let policy =
        html.split("Content-Security-Policy\" content=\"").nth(1).and_then(|rest| rest.split('"').next());
    let policy = policy.unwrap().replace("&#43;", "+").replace("&#x2b;", "+");
    assert!(policy.starts_with("default-src 'none'") && policy.contains(&hash), "{policy}");
}

#[test]
fn the_verdict_comes_first_and_the_unseen_last() {
    let html = to_html(&masked(&testdata::first_boot()));
    let place = |needle: &str| html.find(needle).unwrap_or_else(|| panic!("{needle}"));
    let order = [
        "<h1",
        "id=\"coverage\"",
        "id=\"timeline\"",
        "id=\"findings\"",
        "id=\"flows\"",
        "id=\"values\"",
        "id=\"unseen\"",
    ];
    assert!(order.is_sorted_by_key(|needle| place(needle)));
    assert!(html.contains("The phone sent its IMEI"));
    assert!(html.contains("60 s after boot"));
    assert!(!html.contains("001017001234569"));
    assert_eq!(html.matches("<article").count(), 2);
}

#[test]
fn absence_of_findings_is_shown_with_its_coverage() {
    let html = to_html(&testdata::nothing());
    assert!(html.contains("Nothing was flagged in what could be seen."));
    assert!(html.contains("No rule matched what could be read: Of "));
    assert!(html.contains("cut off in the middle of packet 214"));
    assert!(!html.contains("id=\"values\""));
}

#[test]
fn thousands_of_flows_make_a_page_of_bounded_size() {
    let mut report = testdata::hostile();
    let more: Vec<_> = report.flows.iter().cycle().take(9_000).cloned().collect();
    report.flows = more;
    for (index, flow) in report.flows.iter_mut().enumerate() {
        flow.id = index as u32 + 1;
    }
    let html = to_html(&report);
    assert!(html.contains("4000 more connections are in the JSON report"));
    assert!(html.len() < 12_000_000, "{}", html.len());
    assert_eq!(html, to_html(&report));
}
