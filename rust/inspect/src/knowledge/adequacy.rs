//! Where personal data may go from the European Economic Area without further safeguards (GDPR article 45).

/// Tab-separated, sorted by country, a `#` line first: country, standing, decision of the Commission, its date.
const TABLE: &str = include_str!("../../data/adequacy.tsv");

/// A country's standing under the data protection law of the European Economic Area.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adequacy {
    /// It belongs to the area.
    Member,
    /// The Commission has decided that it protects data adequately.
    Adequate,
    /// So has it, for some recipients only.
    Partly,
    /// It has not.
    Outside,
}

/// The standing of a country (ISO 3166-1 alpha-2, case ignored).
pub fn adequacy(country: &str) -> Adequacy {
    let row = |line: &'static str| {
        let (known, rest) = line.split_once('\t')?;
        known.eq_ignore_ascii_case(country).then(|| rest.split('\t').next()).flatten()
    };
    match TABLE.lines().find_map(row) {
        Some("member") => Adequacy::Member,
        Some("adequate") => Adequacy::Adequate,
        Some("partly") => Adequacy::Partly,
        _ => Adequacy::Outside,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_stand_where_they_stand() {
        for (country, standing) in [
            ("NO", Adequacy::Member),
            ("de", Adequacy::Member),
            ("CH", Adequacy::Adequate),
            ("US", Adequacy::Partly),
            ("CN", Adequacy::Outside),
            ("#country", Adequacy::Outside),
            ("", Adequacy::Outside),
        ] {
            assert_eq!(adequacy(country), standing, "{country}");
        }
    }

    #[test]
    fn the_table_is_tidy() {
        let rows: Vec<Vec<&str>> = TABLE.lines().skip(1).map(|line| line.split('\t').collect()).collect();
        assert!(rows.is_sorted_by(|a, b| a[0] < b[0]), "sorted by country, none twice");
        assert_eq!(rows.iter().filter(|row| row[1] == "member").count(), 30);
        for row in rows {
            let [country, standing, decision, adopted] = row[..] else { panic!("not four columns: {row:?}") };
            assert!(country.len() == 2 && ["member", "adequate", "partly"].contains(&standing), "{row:?}");
            assert_eq!(standing == "member", adopted.is_empty(), "{row:?}");
            assert!(!decision.is_empty() && (adopted.is_empty() || adopted.len() == 10), "{row:?}");
        }
    }
}
